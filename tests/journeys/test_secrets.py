"""Secrets of a journey stand nowhere in what it leaves: ten canaries, in every encoding, over every byte (R14)."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import zipfile
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import msgspec

from journeys.scrubbing import Secrets
from model.outcome import Outcome, RunStatus
from model.protocol import RunOverrides
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Asked, Site
from tests.security.tally import Tally

CANARIES = {
    "PLAIN": "canary-plain-7341",
    "QUOTES": "can\"ary'quo<tes>&amp",
    "SPACES": "canary with spaces + plus/slash",
    "UNICODE": "canäry-ünïcode-✓-7341",
    "NUMBER": "908172635445",
    "SHORT": "k7q2z",
    "BACKSLASH": "can\\ary\\back/slash{}",
    "PERCENT": "can%41ry%percent#hash?x=1",
    "EMAIL": "canary.person@secret.example",
}
OVERRIDE = "canary-of-this-run-only"
HEADER = "canary-header-token-55"
TOKEN = "canary-token-of-a-step-9"


def encodings(secret: str) -> Iterator[bytes]:
    """The six encodings that a page, a browser or a recorder may have put a secret in, and their usual variants."""
    raw = secret.encode()
    yield raw
    for encoded in (quote(secret, safe=""), quote_plus(secret), quote(secret, safe=""), html.escape(secret)):
        yield encoded.encode()
    yield html.escape(secret, quote=False).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield secret.encode("utf-16-le")


def everything(walker: Walker, outcome: Outcome) -> Iterator[tuple[str, bytes]]:
    """(what it is, its bytes) of the outcome and of every file, also inside zips."""
    yield "outcome", msgspec.json.encode(outcome)
    for evidence in outcome.artifacts:
        data = walker.bytes_of(evidence)
        yield evidence.type, data
        if evidence.type == "trace":
            with zipfile.ZipFile(io.BytesIO(data)) as trace:
                for name in trace.namelist():
                    yield f"trace/{name}", name.encode() + trace.read(name)


def hits(walker: Walker, outcome: Outcome, secrets: Iterator[str] | list[str]) -> list[tuple[str, bytes]]:
    found = []
    for secret in secrets:
        for what, data in everything(walker, outcome):
            found += [(what, form) for form in encodings(secret) if form in data]
    return found


def echo_site(site: Site) -> str:
    """A page that gives back what it gets in every way a page can."""

    def echo(asked: Asked) -> Answer:
        given = asked.headers.get("Authorization", "")
        shown = "".join(_shown(secret) for secret in CANARIES.values())
        headers = [("X-Echo", quote(secret)) for secret in CANARIES.values()]
        cookies = [("Set-Cookie", f"sid{index}={quote(secret)}") for index, secret in enumerate(CANARIES.values())]
        title = html.escape(" ".join(CANARIES.values()))
        page = f"<title>{title}</title><p>{html.escape(given)}</p>{shown}<script>{_SCRIPT}</script>"
        return Answer(page.replace("ALL", _in_script(list(CANARIES.values()))), headers=(*headers, *cookies))

    def as_json(asked: Asked) -> Answer:
        body = {"path": asked.path, "a": asked.path.partition("a=")[2], "cookie": asked.headers.get("Cookie")}
        return Answer(json.dumps(body), content_type="application/json")

    site.on("/echo", echo)
    site.on("/json", as_json)
    fields = "".join(f"<textarea id={name} name={name}></textarea>" for name in CANARIES)
    return site.page("/", f"<form method=post action=/echo>{fields}<button>Send</button></form>")


def _shown(secret: str) -> str:
    encoded = base64.b64encode(secret.encode()).decode()
    return (
        f"<p class=out>{html.escape(secret)}</p><input value='{html.escape(secret)}'>"
        f"<a href='/x?a={quote(secret)}'>{encoded}</a>"
    )


def _in_script(value: object) -> str:
    return json.dumps(value).replace("<", "\\u003c")


_SCRIPT = """
for (const s of ALL) {
  console.error('got ' + s); fetch('/json?a=' + encodeURIComponent(s)); localStorage.s = s;
  document.cookie = 'c=' + btoa(encodeURIComponent(s)); setTimeout(() => { throw new Error(s) }, 0);
  history.replaceState({}, '', '?q=' + encodeURIComponent(s)); new Image().src = '/json?b=' + escape(s);
}
"""


def test_ten_canaries_in_six_encodings_stand_nowhere(walker: Walker, site: Site, tally: Tally) -> None:
    outcome = walker.walk(
        {"type": "goto", "url": echo_site(site)},
        *({"type": "fill", "selector": f"#{name}", "value": f"{{{{{name}}}}}"} for name in CANARIES),
        {"type": "screenshot"},
        {"type": "click", "selector": "button", "name": "Send all"},
        {"type": "request", "url": "/json?a={{PLAIN}}", "headers": {"X-Key": "{{NUMBER}}", "X-Token": TOKEN}},
        {"type": "wait_for", "ms": 300},
        {"type": "expect_text", "selector": ".out", "value": "never {{PLAIN}}", "timeout": 3},
        variables=CANARIES,
        extra_headers={"Authorization": f"Bearer {HEADER}"},
        overrides=RunOverrides(variables={"OTHER": OVERRIDE}),
    )
    assert outcome.error is not None
    words = 'expect_text `.out`: expected the text to contain "never ********", got "********"'
    assert outcome.error.message.endswith(words), "the failing step quotes the text, masked"
    assert {evidence.type for evidence in outcome.artifacts} == {"screenshot", "trace", "har", "console"}
    canaries = [*CANARIES.values(), OVERRIDE, HEADER, TOKEN]
    found = hits(walker, outcome, canaries)
    places = sum(1 for _ in everything(walker, outcome))
    tried = places * sum(len(list(encodings(canary))) for canary in canaries)
    tally.add("looking for secrets", "what a journey leaves", tried=tried, effective=len(found))
    assert found == []
    sent = b"".join(asked.body for asked in site.asked if asked.path == "/echo")
    assert all(quote_plus(secret).encode() in sent for secret in ("canary-plain-7341", "908172635445")), (
        "they were sent"
    )
    assert any(HEADER in asked.headers.get("Authorization", "") for asked in site.asked)


def test_the_other_side_of_the_scale_nothing_else_is_masked(walker: Walker, site: Site) -> None:
    url = site.page("/", "<h1>Order 4711 of user 12</h1><script>console.log('total 471')</script>")
    outcome = walker.walk({"type": "goto", "url": url}, variables={"QTY": "1", "CVV": "471", "LONG": "something else"})
    text = walker.artifact(outcome, "console").decode()
    assert "total ********" in text, "a short secret is masked where it stands alone"
    with zipfile.ZipFile(io.BytesIO(walker.artifact(outcome, "trace"))) as trace:
        body = next(trace.read(name).decode() for name in trace.namelist() if name.endswith(".html"))
    assert "Order 4711 of user 12" in body


def test_session_cookies_are_masked_whoever_made_them_up(walker: Walker, site: Site) -> None:
    url = site.page("/", "<h1>x</h1>", headers=(("Set-Cookie", "session=made-by-the-site-1"),))
    outcome = walker.walk({"type": "goto", "url": url}, {"type": "goto", "url": url})
    assert site.asked[-1].headers.get("Cookie") == "session=made-by-the-site-1"
    for what, data in everything(walker, outcome):
        assert b"made-by-the-site-1" not in data, what


def test_a_one_time_code_and_its_seed_are_secrets(walker: Walker, site: Site) -> None:
    seen: list[bytes] = []
    site.on("/in", lambda asked: (seen.append(asked.body), Answer("<p>in</p>"))[1])
    url = site.page("/", "<form method=post action=/in><input name=code><button>x</button></form>")
    outcome = walker.walk(
        {"type": "goto", "url": url},
        {"type": "totp", "secret": "JBSWY3DPEHPK3PXP", "variable": "CODE"},
        {"type": "fill", "selector": "input", "value": "{{CODE}}"},
        {"type": "click", "selector": "button"},
        {"type": "expect_visible", "selector": "p"},
    )
    assert outcome.status is RunStatus.SUCCESS
    code = seen[0].removeprefix(b"code=")
    assert len(code) == 6
    for what, data in everything(walker, outcome):
        assert b"JBSWY3DPEHPK3PXP" not in data, what
        if not what.endswith((".trace", ".network")) and what not in ("outcome", "trace", "screenshot"):
            assert code not in data, what


def test_secret_headers_go_to_the_base_alone_and_plain_ones_everywhere(
    walker: Walker, site: Site, other_site: Site
) -> None:
    other_site.page("/away", "<h1>x</h1>")
    other_site.on("/pic", lambda _: Answer(b"", content_type="image/png"))
    site.on("/leave", lambda _: Answer(status=302, headers=(("Location", f"{other_site.url}/away"),)))
    site.on("/pic", lambda _: Answer(b"", content_type="image/png"))
    url = site.page("/", f"<img src=/pic><img src={other_site.url}/pic>")
    outcome = walker.walk(
        {"type": "goto", "url": url},
        {"type": "request", "url": "/leave"},
        {"type": "goto", "url": "/leave"},
        extra_headers={"X-Api-Key": HEADER, "X-Colour": "red"},
    )
    assert outcome.error is None
    assert [asked.headers.get("X-Api-Key") for asked in site.asked if asked.path in ("/", "/pic", "/leave")] == [
        HEADER
    ] * 4
    assert {asked.headers.get("X-Api-Key") for asked in other_site.asked} == {None}
    assert {asked.headers.get("X-Colour") for asked in other_site.asked} == {"red"}
    assert {asked.headers.get("X-Tracer-Run") for asked in site.asked if asked.path in ("/", "/leave")} == {"run_1"}


def test_secrets_hide_in_no_packing() -> None:
    secrets = Secrets(["canary-plain-7341", "ab"])
    assert secrets.hides_in(b"\x00canary-plain-7341\xff")
    assert secrets.hides_in("canary-plain-7341".encode("utf-16-be"))
    assert secrets.hides_in(gzip.compress(b"x" * 100 + b"canary-plain-7341"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.gz", gzip.compress(b"x" * 100 + b"canary-plain-7341"))
    assert secrets.hides_in(packed.getvalue())
    assert not secrets.hides_in(b"PK\x03\x04 and no more")
    assert not secrets.hides_in(b"ab" * 50)
    assert not secrets.hides_in(gzip.compress(b"nothing"))


def test_fields_that_hold_a_secret_are_covered_in_pictures(walker: Walker, site: Site) -> None:
    """The picture is the same whatever was typed."""
    page = (
        "<style>* { caret-color: transparent; outline: none }</style><input style='font: 40px monospace; width: 90%'>"
    )
    url = site.page("/", f"{page}<p id=p>hello</p>")
    pictures = set()
    for value in ("iiiiiiii", "WWWWWWWWWWWW"):
        outcome = walker.walk(
            {"type": "goto", "url": url},
            {"type": "fill", "selector": "input", "value": "{{V}}"},
            {"type": "press", "key": "Tab"},
            variables={"V": value},
        )
        assert outcome.status is RunStatus.SUCCESS
        pictures.add(walker.artifact(outcome, "screenshot"))
    assert len(pictures) == 1
    outcome = walker.walk(
        {"type": "goto", "url": url},
        {"type": "fill", "selector": "input", "value": "iiiiiiii"},
        {"type": "press", "key": "Tab"},
    )
    assert walker.artifact(outcome, "screenshot") not in pictures, "what is no secret is shown"

"""What each step does on a page, and what is said when it can't."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from playwright.async_api import Locator
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from model.outcome import Outcome, RunStatus
from model.protocol import RunOverrides
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Asked, Site

PAGE = """
<h1>Hello   <b>World</b></h1> <p id=log></p> <p id=hidden style="display:none">secretly here</p>
<button id=once onclick="log('click')" ondblclick="log('dblclick')" onmouseover="log('hover')">Button</button>
<button id=off disabled>Off</button> <input id=locked readonly value=fixed>
<input id=name onkeydown="log('key ' + event.key)"> <input type=checkbox id=box> <input type=radio id=dot>
<select id=colour onchange="log(this.value)"><option value=r>Red</option><option value=g>Green</option></select>
<input type=file id=file style="display:none" onchange="this.files[0].text().then(t =>
  log(this.files[0].name + ' ' + this.files[0].type + ' ' + t))">
<ul><li class=item>1</li><li class=item>2</li><li class=item>3</li></ul>
<a id=link href="/next?x=1#y" data-id=" 42 ">next</a>
<iframe id=outer srcdoc="<p>outer</p><iframe id=inner
  srcdoc='<button id=deep onclick=&quot;this.textContent=1&quot;>x</button>'></iframe>"></iframe>
<script>function log(text) { document.getElementById('log').textContent += '[' + text + ']'; }</script>
"""


@pytest.fixture
def home(site: Site) -> dict[str, Any]:
    """The step that opens PAGE."""
    site.page("/next", "<h1>Next</h1>")
    return {"type": "goto", "url": site.page("/", PAGE)}


def passes(outcome: Outcome) -> None:
    assert outcome.error is None
    assert outcome.status is RunStatus.SUCCESS


def said(text: str) -> dict[str, Any]:
    return {"type": "expect_text", "selector": "#log", "value": text}


def test_steps_that_act_on_elements(walker: Walker, home: dict[str, Any]) -> None:
    passes(
        walker.walk(
            home,
            {"type": "hover", "selector": "#once"},
            said("[hover]"),
            {"type": "click", "selector": "#once"},
            said("[click]"),
            {"type": "double_click", "selector": "#once"},
            said("[dblclick]"),
            {"type": "fill", "selector": "#name", "value": "Ada"},
            {"type": "expect_value", "selector": "#name", "value": "Ada", "operator": "equals"},
            {"type": "press", "selector": "#name", "key": "Enter"},
            said("[key Enter]"),
            {"type": "press", "key": "Escape"},
            said("[key Escape]"),
            {"type": "check", "selector": "#box"},
            {"type": "expect_visible", "selector": "#box:checked"},
            {"type": "uncheck", "selector": "#box"},
            {"type": "expect_visible", "selector": "#box:not(:checked)"},
            {"type": "check", "selector": "#dot"},
            {"type": "select", "selector": "#colour", "label": "Green"},
            said("[g]"),
            {"type": "select", "selector": "#colour", "value": "r"},
            said("[r]"),
            {"type": "select", "selector": "#colour", "index": 1},
            {"type": "expect_value", "selector": "#colour", "value": "g"},
        )
    )


def test_a_file_is_given_to_a_field_that_nobody_sees(walker: Walker, home: dict[str, Any]) -> None:
    content = base64.b64encode(b"one,two").decode()
    upload = {"type": "upload", "selector": "#file", "filename": "a.csv", "content_base64": content}
    passes(walker.walk(home, upload, said("[a.csv text/csv one,two]")))


def test_expectations_wait_until_the_page_is_as_they_say(walker: Walker, site: Site) -> None:
    late = """<h1 id=h>Early</h1><input id=i value=early><b id=gone>gone soon</b><script>
    window.onclick = () => {}; setTimeout(() => { h.textContent = 'Late'; i.value = 'late'; gone.remove();
    document.title = 'Late   title'; history.pushState({}, '', '/late?a=b');
    document.body.insertAdjacentHTML('beforeend', '<i class=x>1</i><i class=x>2</i>'); }, 400)</script>"""
    passes(
        walker.walk(
            {"type": "goto", "url": site.page("/", late)},
            {"type": "expect_text", "selector": "#h", "value": "Late", "operator": "equals"},
            {"type": "expect_value", "selector": "#i", "value": "late"},
            {"type": "expect_hidden", "selector": "#gone"},
            {"type": "expect_title", "value": "Late title", "operator": "equals"},
            {"type": "expect_url", "value": f"{site.url}/late?a=b", "operator": "equals"},
            {"type": "expect_url", "value": r"/late\?a=.$", "operator": "matches"},
            {"type": "expect_count", "selector": "i.x", "value": 2},
            {"type": "expect_text", "selector": "#h", "value": "Early", "operator": "not_contains"},
            {"type": "wait_for", "selector": "i.x"},
            {"type": "wait_for", "ms": 5},
            {"type": "wait_for_url", "url": "**/late?*"},
        )
    )


def test_what_is_extracted_is_used_by_later_steps(walker: Walker, site: Site, home: dict[str, Any]) -> None:
    outcome = walker.walk(
        home,
        {"type": "extract", "selector": "h1", "variable": "TITLE"},
        {"type": "extract", "selector": "#link", "attribute": "data-id", "variable": "ID"},
        {"type": "extract", "selector": "#link", "attribute": "href", "variable": "HREF"},
        {"type": "fill", "selector": "#name", "value": "{{TITLE}}/{{ID}}"},
        {"type": "extract", "selector": "#name", "attribute": "value", "variable": "TYPED"},
        {"type": "expect_value", "selector": "#name", "value": "Hello World/42", "operator": "equals"},
        {"type": "goto", "url": "{{HREF}}"},
        {"type": "expect_url", "value": f"{site.url}/next?x=1#y", "operator": "equals"},
    )
    passes(outcome)


def test_frames_inside_frames_are_named_from_the_outside_in(walker: Walker, home: dict[str, Any]) -> None:
    passes(
        walker.walk(
            home,
            {"type": "expect_text", "frame": "#outer", "selector": "p", "value": "outer"},
            {"type": "click", "frame": "#outer >>> #inner", "selector": "#deep"},
            {"type": "expect_text", "frame": "#outer >>> #inner", "selector": "#deep", "value": "1"},
        )
    )


def test_a_one_time_code_is_made_when_it_is_needed(walker: Walker, site: Site, home: dict[str, Any]) -> None:
    outcome = walker.walk(
        home,
        {"type": "totp", "secret": "{{SEED}}", "variable": "CODE"},
        {"type": "fill", "selector": "#name", "value": "{{CODE}}"},
        {"type": "expect_value", "selector": "#name", "value": r"^\d{6}$", "operator": "matches"},
        variables={"SEED": "JBSW Y3DP EHPK 3PXP"},
    )
    passes(outcome)


def test_a_request_shares_the_session_s_cookies_and_feeds_later_steps(walker: Walker, site: Site) -> None:
    site.page("/", "<input id=field>", headers=(("Set-Cookie", "session=s1; Path=/"),))

    def api(asked: Asked) -> Answer:
        assert asked.headers.get("Cookie") == "session=s1"
        order = msgspec.json.decode(asked.body)["order"]
        return Answer(
            msgspec.json.encode({"items": [{"id": f"{order}-7"}]}), 201, "application/json",
            (("Set-Cookie", "basket=b1; Path=/"),),
        )  # fmt: skip

    site.on("/api", api)
    outcome = walker.walk(
        {"type": "goto", "url": f"{site.url}/"},
        {
            "type": "request", "method": "POST", "url": "/api", "json": {"order": "{{ORDER}}"},
            "assertions": [
                {"type": "status_code", "operator": "equals", "value": 201},
                {"type": "json_path", "path": "$.items[0].id", "operator": "equals", "value": "{{ORDER}}-7"},
                {"type": "header", "name": "content-type", "operator": "contains", "value": "json"},
            ],
            "variable": "ID", "path": "$.items[0].id",
        },
        {"type": "fill", "selector": "#field", "value": "{{ID}}"},
        {"type": "expect_value", "selector": "#field", "value": "ord-7", "operator": "equals"},
        {"type": "goto", "url": "/"},
        variables={"ORDER": "ord"},
    )  # fmt: skip
    passes(outcome)
    assert [asked.headers.get("Cookie") for asked in site.asked if asked.path == "/"] == [None, "session=s1; basket=b1"]


def test_every_url_of_the_base_moves_to_the_one_a_run_is_given(walker: Walker, site: Site) -> None:
    site.page("/login", "<a href=/next>next</a>")
    site.page("/next", "<h1>Next</h1>")
    outcome = walker.walk(
        {"type": "goto", "url": "https://app.example.com/login"},
        {"type": "expect_url", "value": "https://app.example.com/login", "operator": "equals"},
        {"type": "click", "selector": "a"},
        {"type": "wait_for_url", "url": "/next"},
        {"type": "goto", "url": "/login"},
        {"type": "request", "url": "https://app.example.com/{{PATH}}"},
        overrides=RunOverrides(variables={"PATH": "next"}, base_url=f"{site.url}/"),
        variables={"PATH": "nowhere"},
    )
    passes(outcome)
    assert site.paths() == ["/login", "/next", "/login", "/next"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"type": "click", "selector": "#nope"}, "step 2 click `#nope`: no element fits within 2 s"),
        ({"type": "click", "selector": "#hidden"}, "an element fits, but none could be seen within 2 s"),
        ({"type": "click", "selector": "#off", "timeout": 10}, "element is disabled"),
        (
            {"type": "fill", "selector": "#locked", "value": "x", "timeout": 10},
            "field can't be written to: it is read-only",
        ),
        ({"type": "fill", "selector": "h1", "value": "x"}, "Element is not an <input>"),
        ({"type": "check", "selector": "h1"}, "Not a checkbox or radio button"),
        ({"type": "select", "selector": "#colour", "value": "z", "timeout": 10}, "there is no such option"),
        ({"type": "press", "key": "Nokey"}, 'key `Nokey` can\'t be used: Unknown key: "Nokey"'),
        ({"type": "click", "selector": "no=pe"}, 'selector `no=pe` can\'t be used: Unknown engine "no"'),
        ({"type": "click", "frame": "#none", "selector": "b"}, "no frame fits `#none` within 2 s"),
        ({"type": "expect_visible", "selector": "#hidden"}, "an element fits, but none could be seen within 2 s"),
        ({"type": "expect_hidden", "selector": ".item"}, "3 elements can still be seen"),
        (
            {"type": "expect_text", "selector": "h1", "value": "Bye"},
            'step 2 expect_text `h1`: expected the text to contain "Bye", got "Hello World"',
        ),
        ({"type": "expect_text", "selector": "h4", "value": "Bye"}, "no element fits within 2 s"),
        (
            {"type": "expect_text", "selector": "h1", "value": "World", "operator": "not_contains"},
            'expected the text not to contain "World", got "Hello World"',
        ),
        (
            {"type": "expect_value", "selector": "#locked", "value": "y"},
            'expected the value to contain "y", got "fixed"',
        ),
        ({"type": "expect_title", "value": "Home"}, 'expected the title to contain "Home", got "Page"'),
        ({"type": "expect_url", "value": "/cart"}, 'expected the address to contain "/cart", got "http://127.0.0.1:'),
        ({"type": "expect_count", "selector": ".item", "value": 4}, "expected 4 elements, got 3"),
        ({"type": "wait_for_url", "url": "**/cart"}, "the address did not fit within 2 s, it is http://127.0.0.1:"),
        ({"type": "extract", "selector": "h1", "attribute": "lang", "variable": "A"}, "element has no attribute lang"),
        ({"type": "request", "url": "/nope"}, "expected the status code to be less than 400, got 404"),
        ({"type": "goto", "url": "/nope"}, "/nope answered 404 Not Found"),
        ({"type": "goto", "url": "/next", "status": 404}, "/next answered 200 OK, 404 was expected"),
    ],
)  # fmt: skip
def test_a_step_that_fails_says_what_it_met(
    walker: Walker, home: dict[str, Any], step: dict[str, Any], words: str
) -> None:
    """What only the browser's own first try tells (disabled, read-only, no such option) gets the time that a busy
    machine takes for one."""
    outcome = walker.walk(home, {"timeout": 2, **step})
    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.code == "step_failed"
    assert words in outcome.error.message


def test_a_page_that_is_to_be_missing_can_be_asked_for(walker: Walker, home: dict[str, Any]) -> None:
    passes(walker.walk(home, {"type": "goto", "url": "/nope", "status": 404}))


def test_a_reading_that_the_time_ends_tells_what_was_read_before(
    walker: Walker, home: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the last look at a text may not come to its end."""
    looks = 0
    read = Locator.inner_text

    async def slow(self: Locator, **options: Any) -> str:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise PlaywrightTimeoutError("Timeout exceeded")
        return await read(self, **options)

    monkeypatch.setattr(Locator, "inner_text", slow)
    outcome = walker.walk(home, {"type": "expect_text", "selector": "h1", "value": "Bye", "timeout": 5})
    assert outcome.error is not None
    assert 'expected the text to contain "Bye", got "Hello World"' in outcome.error.message

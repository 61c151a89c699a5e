"""Line ends in every field that becomes a header, a mail or a line of a log: none begins a line of its own. Judged by
what arrives at the other side."""

from __future__ import annotations

import json
import subprocess
import sys
from email.policy import SMTP
from typing import Any

import pytest
from flask import Flask
from pydantic import ValidationError

from alerts.channels.base import Outgoing, Undelivered
from alerts.channels.email import _message as mail_message
from model import headers
from tests.alerts.channels.bench import SECRET, channel, payload, way
from tests.api.conftest import PUBLIC_URL
from tests.api.pages.world import Browser
from tests.probes.http_bench import OK, Server, answering, bench, run, serving
from tests.security.injections import INJECTED, LINES
from tests.security.tally import Tally, corpus

ATTACK = "line ends in fields"
ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def begins_a_line(data: bytes) -> bool:
    """Whether what was to be injected stands where a header's name, or a request, would."""
    lines = data.decode("latin-1").replace("\r", "\n").split("\n")
    injected = [line.lower() for line in lines if INJECTED in line.lower()]
    return any(
        line.startswith((INJECTED, "bcc:", "set-cookie:", "transfer-encoding:", "host:", "get /x-", "mail from:"))
        for line in injected
    )


def mishandled(server: Server, before: int) -> bool:
    """Whether of one request came more than one, or one with a line too many."""
    arrived = server.seen[before:]
    return len(arrived) > 1 or any(begins_a_line(connection.head + connection.body) for connection in arrived)


CHECKS: dict[str, Any] = {
    "value of a check's header": lambda url, text: (url, {"headers": {"X-A": text}}),
    "name of a check's header": lambda url, text: (url, {"headers": {text: "x"}}),
    "method of a check": lambda url, text: (url, {"method": text}),
    "path of a check": lambda url, text: (f"{url}{text}", {}),
    "query of a check": lambda url, text: (f"{url}?a={text}", {}),
    "user of a check": lambda url, text: (url.replace("://", f"://{text}@"), {}),
    "password of a check": lambda url, text: (url, {"basic_auth": {"username": "ann", "password": text}}),
    "user name of a check": lambda url, text: (url, {"basic_auth": {"username": text, "password": "x"}}),
}


def lines_of_checks(sink: str, texts: list[str]) -> tuple[int, list[str]]:
    """How many of them were refused, and those that began a line at the server."""

    async def work() -> tuple[int, list[str]]:
        refused, effective = 0, []
        async with bench() as b, serving(answering(OK)) as server:
            for text in texts:
                before = len(server.seen)
                url, fields = CHECKS[sink](server.url(), text)
                try:
                    await b.url(url, within_s=2, **fields)
                except ValidationError:
                    refused += 1
                if mishandled(server, before):
                    effective.append(text)
        return refused, effective

    return run(work())


@pytest.mark.parametrize("sink", CHECKS)
def test_no_check_sends_a_line_too_many(sink: str, tally: Tally) -> None:
    assert len(set(LINES)) >= 150
    texts = corpus(LINES)
    refused, effective = lines_of_checks(sink, texts)
    tally.add(ATTACK, sink, tried=len(texts), refused=refused, effective=len(effective))
    assert effective == []


def test_a_build_that_takes_any_header_is_caught(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "_mistake", lambda *_: None)
    for sink in ("value of a check's header", "name of a check's header"):
        assert lines_of_checks(sink, LINES[:3])[1]
    tally.caught(ATTACK, "headers that are taken as they come")


WEBHOOKS: dict[str, Any] = {
    "value of a webhook's header": lambda url, text: {"url": url, "headers": {"X-A": text}},
    "name of a webhook's header": lambda url, text: {"url": url, "headers": {text: "x"}},
    "path of a webhook": lambda url, text: {"url": f"{url}{text}"},
    "user of a webhook": lambda url, text: {"url": url.replace("://", f"://{text}@")},
}


@pytest.mark.parametrize("sink", WEBHOOKS)
def test_no_webhook_sends_a_line_too_many(sink: str, tally: Tally) -> None:
    texts = corpus(LINES)

    async def work() -> tuple[int, list[str]]:
        refused, effective = 0, []
        async with serving(answering(OK)) as server:
            for text in texts:
                before = len(server.seen)
                try:
                    hook = channel("webhook", **WEBHOOKS[sink](server.url(), text))
                    await hook.send(Outgoing("ntf_1", "chan_1", (payload(),), 1, SECRET), way())
                except (ValidationError, Undelivered):
                    refused += 1
                if mishandled(server, before):
                    effective.append(text)
        return refused, effective

    refused, effective = run(work())
    tally.add(ATTACK, sink, tried=len(texts), refused=refused, effective=len(effective))
    assert effective == []


def mails(text: str) -> bytes:
    """The head of a mail about an alert whose every text is this."""
    said = payload(title=text, cause=text, rule_name=text, id=text, severity=text)
    said["data"]["check"].update(name=text, target=text, runbook_url=f"https://a.example/{text}", tags=[text])
    said["data"]["run"]["error"] = {"code": "x", "message": text}
    message = mail_message(Outgoing("ntf_1", "chan_1", (said,), 1, None), way(), ("ops@example.com",))
    return message.as_bytes(policy=SMTP).partition(b"\r\n\r\n")[0]


def test_no_mail_has_a_header_too_many(tally: Tally) -> None:
    texts = corpus(LINES)
    plain = [line.partition(b":")[0] for line in mails("x").split(b"\r\n") if line[:1].strip()]
    effective = []
    for text in texts:
        names = [line.partition(b":")[0] for line in mails(text).split(b"\r\n") if line[:1].strip()]
        if names != plain:
            effective.append(text)
    tally.add(ATTACK, "mail about an alert", tried=len(texts), effective=len(effective))
    assert effective == []


def test_no_mail_goes_to_an_address_too_many(tally: Tally) -> None:
    texts = corpus(LINES)
    effective = []
    for text in texts:
        for address in (f"ops@example.com{text}", f"{text}@example.com", f"ops@{text}.example", text):
            try:
                effective += list(channel("email", recipients=[address]).recipients)  # type: ignore[attr-defined]
            except ValidationError:
                continue
    tally.add(
        ATTACK, "recipient", tried=4 * len(texts), refused=4 * len(texts) - len(effective), effective=len(effective)
    )
    assert effective == []


LOGGER = """
import json, logging, sys, structlog
from cli.logs import configure_logs
configure_logs("test")
if sys.argv[1] == "broken":
    structlog.configure(processors=[lambda _, __, line: line["event"] + str(line.get("reason", ""))])
for text in json.load(sys.stdin):
    structlog.get_logger("a").warning("something", reason=text, **{"path": text})
    structlog.get_logger("a").warning(text)
    logging.getLogger("b").warning("%s said", text)
    try:
        raise ValueError(text)
    except ValueError:
        structlog.get_logger("a").exception("failed")
"""


def logged(texts: list[str], build: str) -> list[str]:
    """The lines that a process of ours writes about them: four a text."""
    done = subprocess.run(
        [sys.executable, "-c", LOGGER, build], input=json.dumps(texts), capture_output=True,
        encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    return (done.stderr + done.stdout).rstrip("\n").split("\n")


def test_no_log_has_a_line_too_many(tally: Tally) -> None:
    texts = corpus(LINES)
    lines = logged(texts, "ours")
    effective = len(lines) - 4 * len(texts)
    tally.add(ATTACK, "log", tried=4 * len(texts), effective=effective)
    assert effective == 0
    assert all(json.loads(line)["program"] == "test" for line in lines)
    assert len(logged(LINES[:2], "broken")) > 8
    tally.caught(ATTACK, "log lines written as they come")


@ONE_STORE
def test_no_answer_has_a_header_too_many(app: Flask, make_key: Any, tally: Tally) -> None:
    texts = corpus(LINES)
    effective, tried = [], 0
    browser = Browser.of(app)
    assert browser.sign_in(make_key()).status_code == 303
    for text in texts:
        asked = [
            browser.client.get("/login", query_string={"next": f"/{text}"}, base_url=PUBLIC_URL),
            browser.client.get("/alerts", query_string={"tag": text}, base_url=PUBLIC_URL),
            browser.client.get(f"/no-such-page/{text}", base_url=PUBLIC_URL),
            app.test_client().get(f"/runs/{text}", base_url=PUBLIC_URL),
        ]
        for answer in asked:
            tried += 1
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers).encode()
            if answer.status_code >= 500 or begins_a_line(head) or "\r" in str(answer.headers.get("Location", "")):
                effective.append((text, answer.status_code))
            answer.close()
    tally.add(ATTACK, "answer's headers", tried=tried, effective=len(effective))
    assert effective == []

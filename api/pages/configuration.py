"""A check's definition as sentences: what is asked, how often, from where, and when it passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.payload import target_of
from api.definitions import defaults_of
from api.pages.assertion_rows import WORDS
from api.pages.words import counted, duration, listed, milliseconds, text_of
from model.heartbeat import HeartbeatRule
from store.tables import Check

_PASSES = {
    "url": "the answer's status is below 400",
    "api": "the answer's status is 2xx",
    "tcp": "a connection is made",
    "dns": "it is answered with at least one record",
    "heartbeat": "a ping comes in time and does not say that it failed",
}


@dataclass(frozen=True)
class Fact:
    """A line of the configuration; `coded`: it is to be read letter by letter."""

    name: str
    text: str
    coded: bool = False


def every(definition: Mapping[str, Any]) -> str:
    """`every 30 s`, `at */5 * * * * (Europe/Berlin)`."""
    if definition.get("cron"):
        return f"at {definition['cron']} ({definition.get('timezone') or 'UTC'})"
    return f"every {duration(int(definition.get('interval') or 60) * 1000)}"


def configuration(check: Check) -> list[Fact]:
    """What is stored of it, with secrets as they are masked."""
    return list(_facts(check, {**defaults_of(check.type), **check.definition}))


def assertions(check: Check) -> list[str]:
    """What has to hold, each in words: `Status equals 201`."""
    return [_assertion(each) for each in check.definition.get("assertions") or ()]


def _facts(check: Check, given: Mapping[str, Any]) -> Iterator[Fact]:
    target = target_of(given)
    if target is not None:
        yield Fact("target", f"{given['method']} {target}" if given.get("method") else target, coded=True)
    yield from _asked(given)
    if check.kind == "heartbeat":
        rule = HeartbeatRule.of(check.definition)
        yield Fact("expected", f"{every(given)}, {duration(rule.grace_ms)} late at most")
    else:
        yield Fact("runs", f"{every(given)} from {listed(list(check.locations))}")
        yield Fact("waits", _patience(given))
    if not any(each.get("type") == "status_code" for each in given.get("assertions") or ()):
        yield Fact("passes when", _PASSES.get(check.type, "all its steps pass"))
    if given.get("degraded_ms"):
        yield Fact("slow", f"when it takes more than {milliseconds(given['degraded_ms'])}")


def _asked(given: Mapping[str, Any]) -> Iterator[Fact]:
    headers = given.get("headers") or {}
    if headers:
        yield Fact("headers sent", ", ".join(headers), coded=True)
    if given.get("json") is not None:
        yield Fact("body", text_of(given["json"])[:300], coded=True)
    elif given.get("body"):
        yield Fact("body", text_of(given["body"])[:300], coded=True)
    if given.get("basic_auth"):
        yield Fact("signs in", f"as {given['basic_auth'].get('username', '')} (basic)")
    if given.get("client_certificate"):
        yield Fact("client certificate", "is shown to the server")
    if given.get("verify_tls") is False:
        yield Fact("certificate", "any is accepted, also an expired one")
    if given.get("follow_redirects") is False:
        yield Fact("redirects", "are not followed")
    tls = given.get("tls") or {}
    if tls.get("enabled"):
        checked = "its certificate is checked" if tls.get("verify", True) else "any certificate is accepted"
        yield Fact("TLS", f"from the first byte, {checked}")
    for name, word in (("send", "sends"), ("expect", "expects"), ("nameserver", "asks")):
        if given.get(name):
            yield Fact(word, text_of(given[name])[:300], coded=True)
    if given.get("record_type") and given.get("protocol") == "tcp":
        yield Fact("over", "TCP")


def _patience(given: Mapping[str, Any]) -> str:
    retries = given.get("retries") or {}
    said = f"{duration(round(float(given['timeout']) * 1000))} for {'all of it' if given.get('steps') else 'an answer'}"
    if retries.get("count"):
        again = counted(int(retries["count"]), "more time", "more times")
        said += f", and tries {again} {duration(round(float(retries['delay']) * 1000))} apart before it fails"
    return said


def _assertion(each: Mapping[str, Any]) -> str:
    kind = str(each.get("type"))
    subject = " ".join(str(part) for part in (WORDS.get(kind, kind), each.get("name") or each.get("path")) if part)
    operator = str(each.get("operator", "")).replace("_", " ")
    value = "" if each.get("value") is None else f" {_short(each['value'])}"
    return f"{subject} {operator}{value}"


def _short(value: Any) -> str:
    text = text_of(value)
    return text if len(text) <= 120 else f"{text[:117]}…"


def ping_examples(ping_url: str, definition: Mapping[str, Any]) -> Sequence[Fact]:
    """How a job calls: by hand, and from crontab."""
    when = definition.get("cron") or "0 3 * * *"
    return (
        Fact("after the job", f"curl -fsS -m 10 --retry 3 {ping_url}", coded=True),
        Fact("crontab", f"{when} /path/to/job && curl -fsS -m 10 --retry 3 -o /dev/null {ping_url}", coded=True),
        Fact("with its exit code", f"/path/to/job; curl -fsS -m 10 --retry 3 {ping_url}/$?", coded=True),
        Fact("how long it takes", f"curl -fsS {ping_url}/start before it, {ping_url} after it", coded=True),
    )

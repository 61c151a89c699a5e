"""What is different about a run, held against the last good one of the same check at the same location."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.pages.assertion_rows import WORDS
from api.pages.waterfall import waterfall
from api.pages.words import counted, milliseconds, text_of
from model.finished import Detail
from model.outcome import AssertionResult
from model.phases import phases
from store.tables import Run

_VOLATILE = frozenset(
    {
        "age", "alt-svc", "cf-ray", "connection", "content-length", "date", "etag", "expires", "last-modified",
        "report-to", "server-timing", "set-cookie", "traceparent", "x-amz-cf-id", "x-amz-request-id",
        "x-amzn-trace-id", "x-cache", "x-correlation-id", "x-github-request-id", "x-request-id", "x-runtime",
        "x-served-by", "x-timer", "x-trace-id",
    }
)  # fmt: skip
"""Headers that differ from one answer to the next with nothing being wrong."""
_MOST_HEADERS = 8
_TIMES_SLOWER, _SLOWER_BY_MS = 2.0, 20.0
"""A phase is news when it takes at least so many times as long, and so much longer."""
_MISSING = "not there"


@dataclass(frozen=True)
class Change:
    """One line: what, what it was in the last good run, what it is now. `matters`: it is wrong as it is now; what is
    only otherwise may be the reason, or nothing."""

    what: str
    before: str
    now: str
    matters: bool = False


@dataclass(frozen=True)
class Comparison:
    """`same`: what did not change, in words."""

    changes: Sequence[Change]
    same: Sequence[str]


def compare(run: Run, detail: Detail, good: Run, good_detail: Detail) -> Comparison:
    """Both runs of one check at one location, with what each found."""
    now, before = detail.response or {}, good_detail.response or {}
    broken = _unfinished(run, good, now)
    changes = [
        *_definition(run, good),
        *_answer(before, now),
        *_assertions(good_detail.assertions, detail.assertions),
        *_headers(_named(before.get("headers")), _named(now.get("headers"))),
        *_phases(good, run, broken),
    ]
    return Comparison(changes, list(_same(before, now)))


def is_bad(code: Any) -> bool:
    """Whether a status tells of something wrong: none at all does too."""
    return not isinstance(code, int) or not 100 <= code < 400


def status_line(code: Any) -> str:
    """`503 Service Unavailable`"""
    try:
        return f"{code} {HTTPStatus(int(code)).phrase}"
    except (TypeError, ValueError):
        return text_of(code)


def _definition(run: Run, good: Run) -> Iterator[Change]:
    if run.check_version != good.check_version:
        yield Change("the check itself", f"version {good.check_version}", f"version {run.check_version}: it was edited")


def _answer(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    if _was_answer(before) and not _was_answer(now):
        yield Change("answer", _answered(before), "none", matters=True)
    elif before.get("status_code") != now.get("status_code"):
        was, is_ = before.get("status_code"), now.get("status_code")
        yield Change("status", status_line(was), status_line(is_), matters=is_bad(is_))
    for what, name in (("HTTP version", "http_version"), ("address", "remote_ip"), ("records", "records")):
        if name in before and name in now and before[name] != now[name]:
            yield Change(what, text_of(before[name]), text_of(now.get(name)))
    if _was_answer(now) or now.get("redirects"):
        was, is_ = _way(before), _way(now)
        if was != is_:
            yield Change("redirects", was, is_)
    old, new = _certificate(before), _certificate(now)
    if old and new and old.get("serial") != new.get("serial"):
        yield Change("certificate", _certificate_line(old), _certificate_line(new))


def _was_answer(response: Mapping[str, Any]) -> bool:
    """Redirects and a certificate are kept of a visit that ended without one, too."""
    return bool(response.keys() - {"redirects", "certificate"})


def _way(response: Mapping[str, Any]) -> str:
    """Where redirects led."""
    hops = response.get("redirects") or ()
    return " ".join(f"{hop['status_code']} → {hop['location']}" for hop in hops) or "none"


def _answered(response: Mapping[str, Any]) -> str:
    code = response.get("status_code")
    return status_line(code) if code is not None else "there was one"


def _assertions(before: Sequence[AssertionResult], now: Sequence[AssertionResult]) -> Iterator[Change]:
    """Those that fail now; a status code stands there already."""
    passed = {_key(result): result for result in before if result.passed}
    for result in now:
        former = passed.get(_key(result))
        if not result.passed and former is not None and result.type != "status_code":
            if result.actual is None and former.actual is None:
                continue
            yield Change(subject(result), text_of(former.actual), text_of(result.actual), matters=True)


def subject(result: AssertionResult) -> str:
    """What an assertion is about, as the editor calls it: `JSON value $.status`."""
    return " ".join(part for part in (WORDS.get(result.type, result.type), result.name or result.path) if part)


def _key(result: AssertionResult) -> tuple[str, ...]:
    return (result.type, result.operator, text_of(result.expected), result.name or "", result.path or "")


def _headers(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    if not now:
        return
    names = [name for name in {**before, **now} if name not in _VOLATILE and before.get(name) != now.get(name)]
    for name in names[:_MOST_HEADERS]:
        yield Change(f"header {name}", before.get(name, _MISSING), now.get(name, _MISSING))
    if len(names) > _MOST_HEADERS:
        yield Change("more headers", "", f"{len(names) - _MOST_HEADERS} more differ")


def _named(headers: Any) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): text_of(value) for name, value in headers.items()}


def _unfinished(run: Run, good: Run, response: Mapping[str, Any]) -> str | None:
    """The phase that broke off."""
    bars = waterfall(run, response, failed_by=run.error_code, secured=good.tls_ms is not None)
    return next((bar.phase for bar in bars if bar.broken), None)


def _phases(good: Run, run: Run, broken: str | None) -> Iterator[Change]:
    before, now = dict(phases(good)), dict(phases(run))
    for name, ms in now.items():
        former = before.get(name)
        if former is not None and ms >= former * _TIMES_SLOWER and ms - former >= _SLOWER_BY_MS:
            yield Change(name, milliseconds(former), milliseconds(ms))
    for name in before.keys() - now.keys():
        yield Change(name, milliseconds(before[name]), "not to its end" if name == broken else "did not happen")


def _same(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for what, name in (("status", "status_code"), ("address", "remote_ip")):
        if name in now and before.get(name) == now[name]:
            yield f"{what} {text_of(now[name])}"
    if "http_version" in now and before.get("http_version") == now["http_version"]:
        yield f"HTTP/{text_of(now['http_version'])}"
    old, new = _certificate(before), _certificate(now)
    if new and old.get("serial") == new.get("serial"):
        yield "certificate"
    headers, former = _named(now.get("headers")), _named(before.get("headers"))
    alike = sum(former.get(name) == value for name, value in headers.items())
    if alike:
        yield counted(alike, "header")


def _certificate(response: Mapping[str, Any]) -> Mapping[str, Any]:
    found = response.get("certificate")
    return found if isinstance(found, Mapping) else {}


def _certificate_line(certificate: Mapping[str, Any]) -> str:
    return f"{text_of(certificate.get('subject'))}, until {text_of(certificate.get('not_after'))}"

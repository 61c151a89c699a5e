"""One attempt of an HTTP check: visit, hold the assertions against the answer, say what was found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from model.answer import Answer
from model.errors import status_for
from model.outcome import AssertionResult, Outcome, RunError, RunStatus
from probes.certificates import CertificateFacts, facts_of_chain
from probes.context import RunContext
from probes.http.definition import KEPT_OF_A_BODY, HttpCheck
from probes.http.exchange import Exchange
from probes.http.visit import Redirect, Visit, visit
from probes.judging import first_failure, judge

_CHARSET = re.compile(
    r"charset\s*=\s*[\"']?(us-ascii|utf-(?:8|16|32)(?:[lb]e)?|iso-8859-\d\d?|windows-125\d|cp125\d|koi8-[ru]|shift_jis"
    r"|euc-(?:jp|kr)|iso-2022-jp|gbk|gb2312|gb18030|big5)(?![a-z0-9_-])",
    re.IGNORECASE,
)
"""Names that stand for text. Python knows others (idna, punycode) that take quadratic time or do not stand for text."""
_MAX_STORED_HEADERS = 8_192
"""Bytes of names and values kept with a run."""
_MAX_STORED_LOCATIONS = 16_384
"""Characters of all the URLs that redirects led to."""
_CUT = "…"


async def attempt(check: HttpCheck, context: RunContext, implied: AssertionResult | None) -> Outcome:
    """The outcome by the context's deadline. `implied`: the status assertion of a definition that has none, with
    the expected value; it is held against the answer like the others."""
    kept = max(KEPT_OF_A_BODY, context.body_bytes)
    plan = check.plan if check.plan.keep >= kept else replace(check.plan, keep=kept)
    seen = await visit(plan, context.run_id, egress=context.egress, http=context.http, deadline=context.deadline)
    exchange = seen.exchange if seen.exchange is not None and seen.exchange.answered else None
    facts = facts_of_chain(seen.exchange.certificates) if seen.exchange is not None else None
    answer = _answer(check, seen, exchange, facts) if exchange is not None and seen.failure is None else None
    results = (*_implied(implied, answer), *(await judge(check.assertions, answer)))
    if seen.failure is not None:
        error: RunError | None = RunError(seen.failure.code, seen.failure.message)
        status = status_for(seen.failure.code)
    else:
        error = first_failure(results)
        status = RunStatus.SUCCESS if error is None else RunStatus.FAILED
    return Outcome(
        status=status,
        duration_ms=seen.duration_ms,
        metrics=seen.metrics,
        error=error,
        assertions=tuple(results),
        response=_response(seen, exchange, facts, kept if error or context.body_bytes else 0),
    )


def _answer(check: HttpCheck, seen: Visit, exchange: Exchange, facts: CertificateFacts | None) -> Answer:
    headers = exchange.headers()
    return Answer(
        duration_ms=seen.duration_ms,
        status_code=exchange.status,
        http_version=exchange.http_version,
        headers=headers,
        body=_decoded(exchange.body, headers) if check.needs_body else None,
        redirects=len(seen.redirects),
        certificate_days=None if facts is None else facts.days_left(),
    )


def _implied(implied: AssertionResult | None, answer: Answer | None) -> Sequence[AssertionResult]:
    """The implied status assertion, judged: `matches` is a regular expression, `less_than` a number."""
    if implied is None:
        return ()
    actual = None if answer is None else answer.status_code
    if actual is None:
        passed = False
    elif implied.operator == "matches":
        passed = re.search(str(implied.expected), str(actual)) is not None
    else:
        passed = actual < int(implied.expected)
    return (AssertionResult(implied.type, implied.operator, implied.expected, actual, passed),)


def _response(
    seen: Visit, exchange: Exchange | None, facts: CertificateFacts | None, body_bytes: int
) -> dict[str, object] | None:
    """The run's `response`: bounded, with so much of the body; 0: a run that passed, and nobody asked. Of a visit that
    got no answer, what there was before: redirects, and the certificate that was refused. None: nothing."""
    shown: dict[str, object] = {}
    if exchange is not None:
        headers = exchange.headers()
        shown |= {
            "status_code": exchange.status,
            "http_version": exchange.http_version,
            "remote_ip": exchange.remote_ip,
            "bytes": exchange.received,
            "headers": _stored(headers),
        }
    if seen.redirects:
        shown["redirects"] = list(_shown_redirects(seen.redirects))
    if facts is not None:
        shown["certificate"] = facts.shown()
    if body_bytes and exchange is not None:
        shown["body"] = _decoded(exchange.body[:body_bytes], headers)
    return shown or None


def _shown_redirects(redirects: Sequence[Redirect]) -> Iterator[dict[str, object]]:
    """In their order; of long URLs so much as all of them have room for."""
    room = _MAX_STORED_LOCATIONS // len(redirects)
    for hop in redirects:
        location = hop.location if len(hop.location) <= room else hop.location[:room] + _CUT
        yield {"status_code": hop.status_code, "location": location, "duration_ms": hop.duration_ms}


def _stored(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Name -> value, repeated names joined by commas (RFC 9110, 5.3), cut where they grow absurd."""
    stored: dict[str, str] = {}
    left = _MAX_STORED_HEADERS
    for name, value in headers:
        left -= len(name) + len(value)
        if left < 0:
            stored.setdefault(_CUT, "more headers than are kept")
            break
        stored[name] = f"{stored[name]}, {value}" if name in stored else value
    return stored


def _decoded(body: bytes, headers: tuple[tuple[str, str], ...]) -> str:
    """Text by the charset that Content-Type names, else UTF-8; what does not decode is replaced."""
    content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    named = _CHARSET.search(content_type)
    try:
        return body.decode(named.group(1) if named else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")

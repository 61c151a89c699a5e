"""From a URL to its last answer: each hop resolved, vetted and pinned anew, redirects followed by us (R13).

libcurl could follow redirects itself, but then nobody would have judged where they lead.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from egress.door import Egress
from egress.errors import EgressError
from model.errors import ErrorCode
from model.hosts import BadHostError, Target, parse_redirect
from model.outcome import Metrics
from model.secrets import secret_header
from model.traceparent import HEADER as TRACE_HEADER
from model.traceparent import traceparent_of
from probes.http.engine import HttpEngine
from probes.http.exchange import ClientCertificate, Exchange, Failure, Request, Shape
from probes.http.handle import REDIRECTS

_BODY_HEADERS = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a definition asks for, made once for all its runs. `headers`: (name, encoded line); `secret_headers`: more
    names, lower case, that stay with the first origin; `keep`: bytes of the last answer's body to keep; `traceparent`:
    whether each hop is told the run's trace. `shape`, `lines`: what follows of these for each request."""

    target: Target
    method: str = "GET"
    headers: tuple[tuple[str, bytes], ...] = ()
    secret_headers: tuple[str, ...] = ()
    body: bytes | None = None
    follow_redirects: bool = True
    max_redirects: int = 10
    verify_tls: bool = True
    http_version: str = "auto"
    client_certificate: ClientCertificate | None = None
    keep: int = 4_096
    traceparent: bool = False
    shape: Shape = field(init=False)
    lines: tuple[bytes, ...] = field(init=False)

    def __post_init__(self) -> None:
        shape = Shape(self.method, self.body is not None, self.http_version, self.verify_tls, self.client_certificate)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "lines", tuple(line for _, line in self.headers))


class Redirect(msgspec.Struct, frozen=True):
    """One redirect that was followed: the answer's status, the whole URL it led to, and what the hop took."""

    status_code: int
    location: str
    duration_ms: float


class Visit(msgspec.Struct):
    """The last hop, the sum of all, and the redirects that were followed. `failure`: why there is no whole answer; then
    `exchange` is None where not even a connection was tried."""

    exchange: Exchange | None
    metrics: Metrics
    duration_ms: float
    redirects: tuple[Redirect, ...]
    failure: Failure | None


async def visit(plan: Plan, run_id: str, *, egress: Egress, http: HttpEngine, deadline: float) -> Visit:
    """Follows a plan to its last answer by `deadline` (loop time). Never raises for what targets do."""
    before_ms = 0.0
    redirects: tuple[Redirect, ...] = ()
    while True:
        target = plan.target
        try:
            vetted = await egress.resolve(target.host, target.port, deadline)
        except EgressError as error:
            spent = error.dns_ms or 0.0
            metrics = Metrics(dns_ms=_rounded(error.dns_ms))
            return Visit(None, metrics, _ms(before_ms + spent), redirects, Failure(error.code, str(error)))
        exchange = await http.fetch(_request(plan, run_id), vetted.addresses, deadline)
        metrics, hop_ms = _phases(exchange, vetted.dns_ms)
        failure = exchange.failure or _wrong_version(plan, exchange)
        next_plan = None
        if failure is None and plan.follow_redirects and exchange.status in REDIRECTS:
            try:
                next_plan = _next(plan, exchange)
            except BadHostError as error:
                failure = Failure(ErrorCode.PROTOCOL_ERROR, f"the server redirects to a URL that {error}")
        if next_plan is not None and len(redirects) >= plan.max_redirects:
            limit = f"more than {plan.max_redirects} redirects"
            failure = Failure(
                ErrorCode.TOO_MANY_REDIRECTS, f"{limit}; the last one led to {next_plan.target.url[:200]}"
            )
        if failure is not None or next_plan is None:
            return Visit(exchange, metrics, _ms(before_ms + hop_ms), redirects, failure)
        before_ms += hop_ms
        redirects += (Redirect(exchange.status, next_plan.target.url, hop_ms),)
        plan = next_plan


def _request(plan: Plan, run_id: str) -> Request:
    lines = (*plan.lines, b"X-Tracer-Run: " + run_id.encode())
    if plan.traceparent:
        lines += (f"{TRACE_HEADER}: {traceparent_of(run_id)}".encode(),)
    return Request(
        target=plan.target,
        shape=plan.shape,
        headers=lines,
        body=plan.body,
        keep=plan.keep,
        stop_at_redirect=plan.follow_redirects,
    )


def _phases(exchange: Exchange, dns_ms: float | None) -> tuple[Metrics, float]:
    """(the hop's phases, its whole time). `ttfb_ms` holds our look-up and libcurl's time to the first byte, and
    `ttfb_ms + download_ms` is the whole to the last digit."""
    dns = dns_ms or 0.0
    whole = round(dns + exchange.total_ms, 3)
    connect, tls, first = exchange.connect_ms, exchange.tls_ms, exchange.first_byte_ms
    ttfb = None if first is None else round(dns + first, 3)
    metrics = Metrics(
        dns_ms=None if dns_ms is None else round(dns_ms, 3),
        connect_ms=None if connect is None else round(connect, 3),
        tls_ms=None if tls is None else round(tls, 3),
        ttfb_ms=ttfb,
        download_ms=None if ttfb is None else round(whole - ttfb, 3),
    )
    return metrics, whole


def _wrong_version(plan: Plan, exchange: Exchange) -> Failure | None:
    if exchange.http_version is None:
        return Failure(ErrorCode.PROTOCOL_ERROR, "the server speaks an unknown version of HTTP")
    if plan.http_version == "2" and exchange.http_version != "2":
        said = f"the server speaks HTTP/{exchange.http_version}, the check wants HTTP/2"
        return Failure(ErrorCode.PROTOCOL_ERROR, said)
    return None


def _next(plan: Plan, exchange: Exchange) -> Plan | None:
    """The plan for the hop that a redirect asks for (RFC 9110, 15.4); None when it names no place."""
    location = exchange.header("location")
    if not location:
        return None
    target = parse_redirect(plan.target, location)
    rewritten = plan.method == "POST" if exchange.status in (301, 302) else plan.method != "HEAD"
    if exchange.status in (301, 302, 303) and rewritten:
        kept = tuple((name, line) for name, line in plan.headers if name.lower() not in _BODY_HEADERS)
        plan = replace(plan, method="GET", body=None, headers=kept)
    if target.origin != plan.target.origin:
        # What was meant for one server is not for another, and does not come back with a redirect to the first.
        public = tuple(h for h in plan.headers if not secret_header(h[0], plan.secret_headers))
        plan = replace(plan, headers=public, client_certificate=None)
    return replace(plan, target=target)


def _ms(value: float) -> float:
    return round(value, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

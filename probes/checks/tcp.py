"""`tcp`: a port that takes connections, over TLS if wanted, and answers as expected."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from egress.errors import EgressError
from model.answer import Answer
from model.assertions.base import AssertionBase
from model.assertions.response import Response
from model.definition import CheckDefinition, Strict
from model.errors import ErrorCode, status_for
from model.fields import printable
from model.hosts import Host, parse_host
from model.outcome import Metrics, Outcome, RunError, RunStatus
from model.verdict import assertion_error, hold
from probes.certificates import CertificateFacts, facts_of_der
from probes.context import RunContext
from probes.judging import judge
from probes.peer import Peer, client_context
from probes.untrusted import untrusted

MAX_SEND = 65_536
MAX_EXPECT = 4_000
MAX_READ = 65_536
"""Bytes read of what the peer sends; a peer that says more is cut off there."""
_KEPT_BODY = 4_096
_MAX_LOOKS, _LOOK_AGAIN = 256, 1_024
"""What was read is judged after each of the first arrivals, then every KiB: a peer that sends single bytes would have
it judged 65,536 times."""


class Tls(Strict):
    """TLS from the first byte. `server_name` defaults to the host; `verify` false takes any certificate."""

    enabled: bool = False
    server_name: Host | None = None
    verify: bool = True


class TcpCheck(CheckDefinition):
    """A connection to `host` and `port`; `send` is sent, and what is read must contain `expect`."""

    assertion_types: ClassVar[frozenset[str]] = frozenset({"response", "response_time", "certificate_expiry"})

    type: Literal["tcp"]
    host: Host
    port: Annotated[int, Field(ge=1, le=65_535)]
    tls: Tls = Tls()
    send: Annotated[str, StringConstraints(max_length=MAX_SEND), AfterValidator(printable)] | None = None
    expect: Annotated[str, StringConstraints(min_length=1, max_length=MAX_EXPECT), AfterValidator(printable)] | None = (
        None
    )

    @cached_property
    def judged(self) -> tuple[AssertionBase, ...]:
        """The assertions, with `expect` as the first where it is given."""
        expect = () if self.expect is None else (Response(type="response", operator="contains", value=self.expect),)
        return (*expect, *self.assertions)

    @cached_property
    def wishes(self) -> tuple[AssertionBase, ...]:
        """What the answer must hold. Empty: nothing is read."""
        return tuple(wish for wish in self.judged if wish.type == "response")


@dataclass(slots=True)
class _Conversation:
    """What is known so far, whatever ends it."""

    remote_ip: str
    dns_ms: float | None
    connect_ms: float
    tls_ms: float | None = None
    ttfb_ms: float | None = None
    read: bytearray = field(default_factory=bytearray)
    certificate: CertificateFacts | None = None
    distrust: str | None = None
    """OpenSSL's reason to refuse the peer's certificate."""

    @property
    def text(self) -> str:
        return self.read.decode(errors="replace")

    @property
    def duration_ms(self) -> float:
        """Connect + TLS + the answer (CONTRACT "Runs"); the look-up of the name is told apart."""
        return round(self.connect_ms + (self.tls_ms or 0.0) + (self.ttfb_ms or 0.0), 3)

    def metrics(self) -> Metrics:
        return Metrics(
            dns_ms=_rounded(self.dns_ms),
            connect_ms=_rounded(self.connect_ms),
            tls_ms=_rounded(self.tls_ms),
            ttfb_ms=_rounded(self.ttfb_ms),
        )

    def response(self, *, with_body: bool) -> dict[str, Any]:
        shown: dict[str, Any] = {"remote_ip": self.remote_ip, "bytes": len(self.read)}
        if self.certificate is not None:
            shown["certificate"] = self.certificate.shown()
        if with_body and self.read:
            shown["body"] = self.read[:_KEPT_BODY].decode(errors="replace")
        return shown


async def run(check: TcpCheck, context: RunContext) -> Outcome:
    """One attempt, over by the context's deadline."""
    started = time.perf_counter()
    try:
        connection = await context.egress.connect(check.host, check.port, context.deadline)
    except EgressError as error:
        return Outcome(
            status=status_for(error.code),
            duration_ms=_elapsed_ms(started),
            metrics=Metrics(dns_ms=_rounded(error.dns_ms)),
            error=RunError(error.code, str(error)),
            assertions=hold(check.judged, None),
        )
    seen = _Conversation(connection.address, connection.dns_ms, connection.connect_ms)
    peer = Peer(connection.socket, connection.established)
    try:
        broken = await _bounded(check, context, peer, seen)
    finally:
        peer.close()
    elapsed_ms = _elapsed_ms(started)
    if seen.distrust is not None:
        seen.certificate = await _certificate(check, context)
        why = untrusted(seen.distrust, _server_name(check), seen.certificate)
        broken = RunError(ErrorCode.TLS_ERROR, f"{seen.remote_ip} port {check.port}: its {why}")
    return await _outcome(check, seen, broken, elapsed_ms, asked=context.body_bytes > 0)


async def _certificate(check: TcpCheck, context: RunContext) -> CertificateFacts | None:
    """Of a peer that is not trusted: one more handshake, that takes any certificate. None when that fails, too."""
    try:
        connection = await context.egress.connect(check.host, check.port, context.deadline)
        peer = Peer(connection.socket, connection.established)
        try:
            async with asyncio.timeout_at(context.deadline):
                await peer.handshake(client_context(context.http.ca_file, verify=False), _server_name(check))
            der = peer.certificate()
        finally:
            peer.close()
    except (EgressError, OSError):
        return None
    return None if der is None else facts_of_der(der)


async def _bounded(check: TcpCheck, context: RunContext, peer: Peer, seen: _Conversation) -> RunError | None:
    """The conversation until it has what is wanted, ends, breaks or runs out of time."""
    place = f"{seen.remote_ip} port {check.port}"
    try:
        async with asyncio.timeout_at(context.deadline):
            await _talk(check, context, peer, seen)
    except TimeoutError:
        if check.tls.enabled and seen.tls_ms is None:
            return RunError(ErrorCode.TIMEOUT, f"{place} did not finish the TLS handshake in time")
        if not seen.read:
            return RunError(ErrorCode.TIMEOUT, f"{place} took the connection, but no answer came in time")
    except ssl.SSLCertVerificationError as error:
        seen.distrust = error.verify_message
    except ssl.SSLError as error:
        return RunError(ErrorCode.TLS_ERROR, f"{place}: {_tls_reason(error)}")
    except OSError as error:
        reason = error.strerror or str(error)
        if check.tls.enabled and seen.tls_ms is None:
            return RunError(ErrorCode.TLS_ERROR, f"{place} broke off the TLS handshake: {reason}")
        return RunError(ErrorCode.PROTOCOL_ERROR, f"the connection to {place} broke: {reason}")
    return None


async def _talk(check: TcpCheck, context: RunContext, peer: Peer, seen: _Conversation) -> None:
    if check.tls.enabled:
        tls = client_context(context.http.ca_file, verify=check.tls.verify)
        seen.tls_ms = await peer.handshake(tls, _server_name(check))
        der = peer.certificate()
        seen.certificate = None if der is None else facts_of_der(der)
    asked = peer.established
    if check.send is not None:
        asked = await peer.send(check.send.encode())
    looked_at, looks = 0, 0
    while check.wishes and len(seen.read) < MAX_READ:
        arrived = await peer.read()
        if not arrived.data:
            return
        seen.read += arrived.data[: MAX_READ - len(seen.read)]
        answered_ms = max((arrived.at - asked) * 1000, 0.0)
        if seen.ttfb_ms is None:
            seen.ttfb_ms = answered_ms
        if looks < _MAX_LOOKS or len(seen.read) - looked_at >= _LOOK_AGAIN:
            looked_at, looks = len(seen.read), looks + 1
            results = await judge(check.wishes, Answer(response=seen.text))
            if all(result.passed for result in results):
                seen.ttfb_ms = answered_ms
                return


async def _outcome(
    check: TcpCheck, seen: _Conversation, broken: RunError | None, elapsed_ms: float, *, asked: bool
) -> Outcome:
    """`broken`: what ended the conversation; without it the assertions decide. `asked`: somebody wants to see what was
    read, whether it passed or not."""
    answer = None
    if broken is None:
        answer = Answer(
            duration_ms=seen.duration_ms,
            certificate_days=None if seen.certificate is None else seen.certificate.days_left(),
            response=seen.text if check.wishes else None,
        )
    results = await judge(check.judged, answer)
    error = broken or assertion_error(results)
    return Outcome(
        status=RunStatus.SUCCESS if error is None else RunStatus.FAILED,
        duration_ms=elapsed_ms if answer is None else seen.duration_ms,
        metrics=seen.metrics(),
        error=error,
        assertions=results,
        response=seen.response(with_body=asked or error is not None),
    )


def _server_name(check: TcpCheck) -> str:
    return parse_host(check.tls.server_name or check.host).removesuffix(".")


def _tls_reason(error: ssl.SSLError) -> str:
    """OpenSSL's word on what went wrong, as a sentence's end."""
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection during TLS"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if "wrong version number" in reason or "unknown protocol" in reason:
        return "what it speaks is not TLS"
    return f"TLS failed: {reason}"


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)


def _elapsed_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)

"""`dns`: a name whose records a nameserver, or the probe's own resolvers, can tell."""

from __future__ import annotations

import asyncio
import socket
import time
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename
from pydantic import BeforeValidator, model_validator

from egress.connecting import connect_first
from egress.errors import EgressError
from egress.system import Nameserver
from model.answer import Answer
from model.definition import CheckDefinition
from model.dns_names import DnsName, NameserverAddress, parse_nameserver, wire_name
from model.errors import ErrorCode, status_for
from model.hosts import BadHostError, address_of, parse_host
from model.matching.json_text import shown
from model.outcome import Metrics, Outcome, RunError, RunStatus
from model.validation import FieldsError
from model.verdict import assertion_error
from probes.context import RunContext
from probes.judging import judge
from probes.nameserver import UDP_PAYLOAD, BadAnswerError, Reply, Way, ask
from probes.records import records_of

RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DNAME", "DNSKEY", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV",
    "SSHFP", "SVCB", "TLSA", "TXT", "URI",
]  # fmt: skip
_MAX_SHOWN_RECORDS = 50


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class DnsCheck(CheckDefinition):
    """The records of `record_type` that `host` has; for PTR `host` may be an address."""

    assertion_types: ClassVar[frozenset[str]] = frozenset({"record", "ttl", "response_time"})

    type: Literal["dns"]
    host: DnsName
    record_type: Annotated[RecordType, BeforeValidator(_upper)] = "A"
    nameserver: NameserverAddress | None = None
    protocol: Literal["udp", "tcp"] = "udp"

    @model_validator(mode="after")
    def _address_only_for_ptr(self) -> Self:
        if self.record_type != "PTR" and self._address is not None:
            raise FieldsError({"host": "is an address: only a check of type PTR asks for one"})
        return self

    @property
    def _address(self) -> str | None:
        try:
            address = address_of(parse_host(self.host))
        except BadHostError:
            return None
        return None if address is None else str(address)

    @cached_property
    def question(self) -> tuple[dns.name.Name, dns.rdatatype.RdataType]:
        """The name and type that are asked for."""
        kind = dns.rdatatype.from_text(self.record_type)
        if self._address is not None:
            return dns.reversename.from_address(self._address), kind
        return wire_name(self.host), kind

    @cached_property
    def judges_records(self) -> bool:
        """Whether an assertion says what to think of a name without records."""
        return any(assertion.type == "record" for assertion in self.assertions)


class _NoAnswerError(Exception):
    """Why there is no answer; the text is a sentence for people."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


async def run(check: DnsCheck, context: RunContext) -> Outcome:
    """One attempt, over by the context's deadline."""
    started = time.perf_counter()
    try:
        reply, place = await (_ask_own(check, context) if check.nameserver is None else _ask_named(check, context))
        records, ttl = records_of(reply.message)
    except _NoAnswerError as failure:
        return await _failed(check, failure, started)
    except dns.exception.DNSException:
        return await _failed(
            check, _NoAnswerError(ErrorCode.DNS_FAILURE, "the answer's aliases lead in a circle"), started
        )
    answer = Answer(duration_ms=round(reply.took_ms, 3), records=records, ttl=ttl)
    results = await judge(check.assertions, answer)
    none_wished = check.judges_records and all(result.passed for result in results if result.type == "record")
    error = _refusal(check, reply, place, found=bool(records), none_wished=none_wished) or assertion_error(results)
    return Outcome(
        status=RunStatus.SUCCESS if error is None else RunStatus.FAILED,
        duration_ms=answer.duration_ms,
        metrics=Metrics(
            dns_ms=answer.duration_ms, connect_ms=None if reply.connect_ms is None else round(reply.connect_ms, 3)
        ),
        error=error,
        assertions=results,
        response=_response(reply, place, records, ttl),
    )


def _query(check: DnsCheck) -> dns.message.Message:
    name, kind = check.question
    query = dns.message.make_query(name, kind)
    query.use_edns(0, payload=UDP_PAYLOAD)
    return query


async def _ask_named(check: DnsCheck, context: RunContext) -> tuple[Reply, str]:
    """A nameserver that a user named is a target: it is vetted, and its silence is its own fault."""
    address, port = parse_nameserver(check.nameserver or "")
    egress = context.egress
    way = Way(
        place=f"{address} port {port}",
        datagrams=lambda deadline: egress.datagram_socket(address, port, deadline),
        connection=lambda deadline: egress.connect(address, port, deadline),
    )
    try:
        return await ask(way, _query(check), context.deadline, tcp=check.protocol == "tcp"), address
    except EgressError as error:
        raise _NoAnswerError(error.code, str(error)) from None
    except TimeoutError:
        raise _NoAnswerError(ErrorCode.TIMEOUT, f"the nameserver {way.place} did not answer in time") from None
    except BadAnswerError as error:
        raise _NoAnswerError(ErrorCode.PROTOCOL_ERROR, f"the nameserver {way.place} {error}") from None
    except ConnectionRefusedError:
        raise _NoAnswerError(ErrorCode.CONNECT_REFUSED, f"no nameserver listens at {way.place}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise _NoAnswerError(
            ErrorCode.CONNECT_FAILED, f"the nameserver {way.place} can't be reached: {reason}"
        ) from None


async def _ask_own(check: DnsCheck, context: RunContext) -> tuple[Reply, str]:
    """The probe's resolvers, as its machine would: each in turn, until one has an answer. Their silence is ours."""
    servers = context.egress.nameservers()
    loop = asyncio.get_running_loop()
    options = context.egress.resolver.options
    turns = [server for _ in range(options.attempts) for server in servers]
    query, refused = _query(check), None
    for turn, server in enumerate(turns):
        left = context.deadline - loop.time()
        if left <= 0:
            break
        wait_s = min(options.timeout_s, left / (len(turns) - turn))
        try:
            reply = await ask(_own_way(server), query, loop.time() + wait_s, tcp=check.protocol == "tcp")
        except (EgressError, BadAnswerError, OSError):
            continue
        if reply.message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return reply, server.shown
        refused = refused or (reply, server.shown)
    if refused is not None:
        return refused
    asked = ", ".join(server.shown for server in servers) or "it has none"
    raise _NoAnswerError(ErrorCode.RESOLVER_UNAVAILABLE, f"none of this probe's own resolvers answered ({asked})")


def _own_way(server: Nameserver) -> Way:
    """The machine's own resolvers are part of its set-up, not of what a user wrote: they need no vetting."""
    address, port = str(server.sockaddr[0]), int(server.sockaddr[1])

    async def datagrams(_deadline: float) -> socket.socket:
        made = socket.socket(server.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            made.connect(server.sockaddr)
        except OSError:
            made.close()
            raise
        return made

    return Way(server.shown, datagrams, lambda deadline: connect_first((address,), port, deadline))


def _refusal(check: DnsCheck, reply: Reply, place: str, *, found: bool, none_wished: bool) -> RunError | None:
    """What the answer itself says is wrong. A name without such records is only wrong where no assertion judges it, and
    one that does not exist is right where an assertion wants no records (`none_wished`: they passed with none)."""
    rcode = reply.message.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        if none_wished and not found:
            return None
        return RunError(ErrorCode.DNS_FAILURE, f"the name {check.host} does not exist (NXDOMAIN, says {place})")
    if rcode != dns.rcode.NOERROR:
        said = dns.rcode.to_text(rcode)
        return RunError(ErrorCode.DNS_FAILURE, f"the nameserver {place} could not answer for {check.host} ({said})")
    if not found and not check.judges_records:
        return RunError(ErrorCode.DNS_FAILURE, f"the name {check.host} has no {check.record_type} record")
    return None


def _response(reply: Reply, place: str, records: tuple[str, ...], ttl: int | None) -> dict[str, Any]:
    return {
        "remote_ip": place,
        "bytes": reply.size,
        "rcode": dns.rcode.to_text(reply.message.rcode()),
        "records": [shown(record) for record in records[:_MAX_SHOWN_RECORDS]],
        "ttl": ttl,
    }


async def _failed(check: DnsCheck, failure: _NoAnswerError, started: float) -> Outcome:
    return Outcome(
        status=status_for(failure.code),
        duration_ms=round((time.perf_counter() - started) * 1000, 3),
        error=RunError(failure.code, str(failure)),
        assertions=await judge(check.assertions, None),
    )

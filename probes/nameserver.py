"""A question to one nameserver over UDP or TCP, its answer told from what is not, and the time that it took.

The caller decides whom to ask and by which way out: for a nameserver that a user named, the one that vets.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from egress.arrival import readable, receive, stamp_arrivals
from egress.connecting import Connection
from probes.judging import off_loop
from probes.peer import Peer

UDP_PAYLOAD = 1_232
"""What answers may have over UDP: the size that passes everywhere unfragmented (DNS flag day 2020)."""
_DATAGRAM = 4_096
_LARGEST = 65_535
_PARSED_AT_ONCE = 2_048
"""Bytes of an answer read on the loop; a longer one may hold thousands of names, and is read beside it."""
_RESEND_S = 2.0
"""A datagram may be lost: it is sent again after this, as resolvers do."""
_MAX_STRAY = 256
"""Messages that answer nothing that was asked, before the server counts as broken."""
_NO_EDNS = frozenset({dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS})
"""What servers of the last century say to EDNS."""


class BadAnswerError(Exception):
    """What the nameserver sent can't be read; a sentence's end."""


class Reply(NamedTuple):
    """`took_ms`: from the first packet to the answer, TCP's handshake included; `connect_ms` that handshake alone."""

    message: dns.message.Message
    size: int
    took_ms: float
    connect_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How one nameserver is reached: a connected datagram socket and a connection, by a deadline (loop time). `place`
    names it for people."""

    place: str
    datagrams: Callable[[float], Awaitable[socket.socket]]
    connection: Callable[[float], Awaitable[Connection]]


async def ask(way: Way, query: dns.message.Message, deadline: float, *, tcp: bool) -> Reply:
    """The answer: over UDP, and over TCP when it was cut off; without EDNS when the server does not know it.

    Raises TimeoutError, BadAnswerError, OSError, and what the way raises (EgressError)."""
    reply = await _once(way, query, deadline, tcp=tcp)
    if reply.message.rcode() in _NO_EDNS and query.edns >= 0:
        plain = dns.message.from_wire(query.to_wire())
        plain.use_edns(False)
        again = await _once(way, plain, deadline, tcp=tcp)
        reply = again._replace(took_ms=reply.took_ms + again.took_ms)
    if reply.message.flags & dns.flags.TC and not tcp:
        longer = await _over_tcp(way, query, deadline)
        reply = longer._replace(took_ms=reply.took_ms + longer.took_ms)
    return reply


async def _once(way: Way, query: dns.message.Message, deadline: float, *, tcp: bool) -> Reply:
    return await (_over_tcp if tcp else _over_udp)(way, query, deadline)


async def _over_udp(way: Way, query: dns.message.Message, deadline: float) -> Reply:
    datagrams = await way.datagrams(deadline)
    try:
        stamp_arrivals(datagrams)
        wire = query.to_wire()
        async with asyncio.timeout_at(deadline):
            started = time.perf_counter()
            while True:
                datagrams.send(wire)
                try:
                    async with asyncio.timeout(_RESEND_S):
                        message, size, at = await _answer_to(query, datagrams)
                    return Reply(message, size, (at - started) * 1000)
                except TimeoutError:
                    continue
    finally:
        datagrams.close()


async def _answer_to(query: dns.message.Message, datagrams: socket.socket) -> tuple[dns.message.Message, int, float]:
    stray = 0
    while True:
        try:
            arrived = receive(datagrams, _DATAGRAM)
        except (BlockingIOError, InterruptedError):
            await readable(datagrams)
            continue
        message = await _read(query, arrived.data)
        if message is not None:
            return message, len(arrived.data), arrived.at
        stray = await _one_more(stray)


async def _over_tcp(way: Way, query: dns.message.Message, deadline: float) -> Reply:
    connection = await way.connection(deadline)
    peer = Peer(connection.socket, connection.established)
    try:
        async with asyncio.timeout_at(deadline):
            asked = await peer.send(query.to_wire(prepend_length=True))
            buffer = bytearray()
            stray = 0
            while True:
                at = await _fill(peer, buffer)
                end = 2 + int.from_bytes(buffer[:2])
                message = await _read(query, bytes(buffer[2:end]))
                if message is not None:
                    took_ms = connection.connect_ms + max(at - asked, 0.0) * 1000
                    return Reply(message, end - 2, took_ms, connection.connect_ms)
                del buffer[:end]
                stray = await _one_more(stray)
    finally:
        peer.close()


async def _fill(peer: Peer, buffer: bytearray) -> float:
    """Reads until the buffer holds a message with its length before it; the instant of its last byte."""
    at = time.perf_counter()
    while len(buffer) < 2 or len(buffer) < 2 + int.from_bytes(buffer[:2]):
        arrived = await peer.read()
        if not arrived.data:
            raise BadAnswerError("closed the connection without a whole answer")
        buffer += arrived.data
        at = arrived.at
    return at


async def _one_more(stray: int) -> int:
    """Counts what is no answer, and lets others run: a flood of it must not hold the loop."""
    if stray >= _MAX_STRAY:
        raise BadAnswerError("sends nothing but answers to other questions")
    await asyncio.sleep(0)
    return stray + 1


async def _read(query: dns.message.Message, wire: bytes) -> dns.message.Message | None:
    """The message when it answers the query; None when it has another id or question, or is no answer at all."""
    if wire[:2] != query.id.to_bytes(2):
        return None
    try:
        message = await off_loop(_parse, wire) if len(wire) > _PARSED_AT_ONCE else _parse(wire)
        return message if query.is_response(message) else None
    except (dns.exception.DNSException, ValueError):
        raise BadAnswerError("sent an answer that can't be read") from None


def _parse(wire: bytes) -> dns.message.Message:
    return dns.message.from_wire(wire, ignore_trailing=True)

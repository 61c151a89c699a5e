"""A name server on loopback that answers as a test tells it, built with dnspython so that our codec has an oracle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Answerer = Callable[[str, str, dns.message.Message], bytes | list[bytes] | None]
"""(name, A or AAAA, the query) -> datagrams to send; None to stay silent."""


def reply(query: dns.message.Message, *records: str, rcode: int = 0, truncated: bool = False) -> bytes:
    """`records` as in a zone file: `www.example. 60 IN A 192.0.2.1`."""
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    answer.set_rcode(dns.rcode.Rcode(rcode))
    for record in records:
        owner, ttl, family, kind, *data = record.split()
        answer.answer.append(dns.rrset.from_text(owner, int(ttl), family, kind, " ".join(data)))
    if truncated:
        answer.flags |= dns.flags.TC
        answer.answer.clear()
    return answer.to_wire(max_size=65_535)


def zone(records: dict[str, list[str]]) -> Answerer:
    """name -> its addresses; anything else does not exist."""

    def answer(name: str, kind: str, query: dns.message.Message) -> bytes:
        known = records.get(name)
        if known is None:
            return reply(query, rcode=3)
        wanted = [address for address in known if (":" in address) == (kind == "AAAA")]
        return reply(query, *(f"{name}. 60 IN {kind} {address}" for address in wanted))

    return answer


class DnsServer(asyncio.DatagramProtocol):
    """UDP, and TCP on the same port. `asked` holds (name, type, transport) in order."""

    def __init__(self, over_udp: Answerer, over_tcp: Answerer | None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.port = 0
        self._over_udp = over_udp
        self._over_tcp = over_tcp or over_udp
        self._transport: Any = None
        self._news = asyncio.Event()

    async def until(self, condition: Callable[[], bool], within_s: float = 5.0) -> None:
        """Waits for questions to come until the condition holds."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for part in self._answers(data, "udp", self._over_udp):
            self._transport.sendto(part, addr)

    def _answers(self, data: bytes, transport: str, answerer: Answerer) -> list[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().rstrip("."), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, transport))
        self._news.set()
        answer = answerer(name, kind, query)
        return [] if answer is None else [answer] if isinstance(answer, bytes) else answer

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            size = int.from_bytes(await reader.readexactly(2))
            for part in self._answers(await reader.readexactly(size), "tcp", self._over_tcp):
                writer.write(len(part).to_bytes(2) + part)
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def dns_server(over_udp: Answerer, over_tcp: Answerer | None = None) -> AsyncIterator[DnsServer]:
    loop = asyncio.get_running_loop()
    server = DnsServer(over_udp, over_tcp)
    tcp = await asyncio.start_server(server.serve_tcp, "127.0.0.1", 0)
    server.port = tcp.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", server.port))
    try:
        yield server
    finally:
        transport.close()
        tcp.close()
        await tcp.wait_closed()


def resolver_files(folder: Path, *, resolv_conf: str = "nameserver 127.0.0.1\n", hosts: str = "") -> dict[str, Path]:
    """Arguments for `Resolver`: files of the test's own."""
    paths = {"resolv_conf": folder / "resolv.conf", "hosts": folder / "hosts"}
    paths["resolv_conf"].write_text(resolv_conf)
    paths["hosts"].write_text(hosts)
    return paths

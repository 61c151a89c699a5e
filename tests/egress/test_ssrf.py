"""The corpus of addresses that must not be reached, in every wrapping, against listeners that would notice (R13).

Judged by what arrives at canaries on loopback, with TRACER_ALLOW_NETS empty, never by the error's text alone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from pydantic import ValidationError

from egress.door import Egress
from egress.errors import EgressError
from egress.resolver import Resolver
from model.addresses import AddressPolicy, networks_of
from tests.egress.dns_server import dns_server, resolver_files, zone
from tests.probes.http_bench import bench, redirecting, serving
from tests.security.tally import Tally

ATTACK = "leading Tracer to an inner address"
NAMES = {
    "private.test": ["127.0.0.1"],
    "mixed.test": ["93.184.216.34", "127.0.0.1"],
    "mixed6.test": ["93.184.216.34", "::1"],
    "fifty.test": [*(f"93.184.216.{last}" for last in range(1, 50)), "127.0.0.1"],
    "127.0.0.1.nip.test": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "six.test": ["::1"],
    "zero.test": ["0.0.0.0"],
    "mapped.test": ["::ffff:127.0.0.1"],
}


def corpus() -> list[str]:
    text = """
    169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 192.0.0.192 168.63.129.16 [fd00:ec2::254]
    [fd20:ce::254] 2130706433 0x7f000001 017700000001 0177.0.0.1 127.1 127.0.1 0x7f.1 0 00000177.0.0.1
    0x7f.0x0.0x0.0x1 2852039166 0xA9FEA9FE 169.254.43518 ①②⑦.⓪.⓪.① \uff11\uff12\uff17.0.0.1 127。0。0。1
    127\uff0e0\uff0e0\uff0e1 127.0.0.1 127.255.255.254 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 224.0.0.1
    255.255.255.255 127.0.0.1. [::] [::1] [::ffff:7f00:1] [::ffff:127.0.0.1] [::ffff:0:127.0.0.1]
    [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] [::127.0.0.1] [fe80::1%25lo] [fe80::1] [fc00::1] [ff02::1]
    localhost LOCALHOST localhost. foo.localhost ip6-localhost
    """
    return [*text.split(), socket.gethostname(), *NAMES]


HOSTS = Path("/etc/hosts").read_text()
WRAPPERS = {
    "plain": "http://{host}:{port}/",
    "user": "http://user:pw@{host}:{port}/",
    "backslash": "http://93.184.216.34\\@{host}:{port}/",
    "hash": "http://{host}:{port}#@93.184.216.34/",
    "query": "http://{host}:{port}?@93.184.216.34/",
    "tab": "http://{host}\t:{port}/",
    "newline": "http://\n{host}:{port}/",
    "NUL": "http://{host}\x00.test:{port}/",
    "space": " http://{host}:{port}/ ",
    "upper": "HTTP://{upper}:{port}/",
    "percent": "http://{percent}:{port}/",
    "https": "https://{host}:{port}/",
    "leading zeros": "http://{host}:0{port}/",
}


def wrapped(wrapper: str, host: str, port: int) -> str:
    percent = host if host.startswith("[") else "".join(f"%{byte:02x}" for byte in host.encode())
    return WRAPPERS[wrapper].format(host=host, port=port, upper=host.upper(), percent=percent)


class Canaries:
    """Listeners on both loopbacks, one port: `arrived` counts connections."""

    def __init__(self) -> None:
        self.arrived = 0
        self.port = 0

    async def notice(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.arrived += 1
        writer.close()


@asynccontextmanager
async def canaries() -> AsyncIterator[Canaries]:
    watch = Canaries()
    # 0.0.0.0 hears every address of 127/8 and of this machine.
    first = await asyncio.start_server(watch.notice, "0.0.0.0", 0)
    watch.port = first.sockets[0].getsockname()[1]
    servers = [first]
    if socket.has_ipv6:
        servers.append(await asyncio.start_server(watch.notice, "::", watch.port))
    try:
        yield watch
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_nothing_arrives_at_a_canary_from_a_url(wrapper: str, tmp_path: Path, tally: Tally) -> None:
    async def work() -> None:
        async with canaries() as watch, dns_server(zone(NAMES)) as names:
            resolver = Resolver(**resolver_files(tmp_path, hosts=HOSTS), port=names.port)
            async with bench(allow=(), resolver=resolver) as b:
                for host in corpus():
                    try:
                        outcome = await b.url(wrapped(wrapper, host, watch.port), within_s=3)
                    except ValidationError:
                        continue  # refused before it was a check
                    assert outcome.status != "success", host
                    assert outcome.error is not None
                    assert outcome.error.code in ("blocked_address", "dns_failure"), (host, outcome.error)
            tally.add(ATTACK, "url check", tried=len(corpus()), refused=len(corpus()), effective=watch.arrived)
            assert watch.arrived == 0

    uvloop.run(work())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_arrives_at_a_canary_through_a_redirect(status: int, tmp_path: Path, tally: Tally) -> None:
    async def work() -> None:
        async with canaries() as watch, dns_server(zone(NAMES)) as names:
            resolver = Resolver(**resolver_files(tmp_path, hosts=HOSTS), port=names.port)
            # Only the redirecting server's own address is allowed.
            async with bench(allow=("127.0.0.77/32",), resolver=resolver) as b:
                for host in corpus():
                    location = f"http://{host}:{watch.port}/".encode().decode("latin-1")
                    async with serving(redirecting(location, status), host="127.0.0.77") as server:
                        outcome = await b.url(server.url(host="127.0.0.77"), within_s=3)
                    assert outcome.error is not None, host
                    assert outcome.error.code in ("blocked_address", "dns_failure", "protocol_error"), host
                    assert len(server.seen) == 1
            tally.add(ATTACK, "redirect", tried=len(corpus()), refused=len(corpus()), effective=watch.arrived)
            assert watch.arrived == 0

    uvloop.run(work())


def test_nothing_arrives_at_a_canary_from_tcp_and_udp(tmp_path: Path, tally: Tally) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        async with canaries() as watch, dns_server(zone(NAMES)) as names:
            resolver = Resolver(**resolver_files(tmp_path, hosts=HOSTS), port=names.port)
            egress = Egress(AddressPolicy(), resolver)
            for host in corpus():
                for host_text in (host, host.strip("[]"), host.upper()):
                    with pytest.raises(EgressError) as caught:
                        (await egress.connect(host_text, watch.port, loop.time() + 3)).socket.close()
                    assert caught.value.code in ("blocked_address", "dns_failure"), host
                    with pytest.raises(EgressError):
                        (await egress.datagram_socket(host_text, watch.port, loop.time() + 3)).close()
            tally.add(
                ATTACK, "tcp and udp", tried=6 * len(corpus()), refused=6 * len(corpus()), effective=watch.arrived
            )
            assert watch.arrived == 0

    uvloop.run(work())


def test_the_canaries_would_notice(tally: Tally) -> None:
    async def work() -> None:
        async with canaries() as watch, bench(allow=("127.0.0.0/8", "::1/128")) as b:
            for host in ("2130706433", "0x7f.1", "[::1]", "localhost"):
                await b.url(f"http://{host}:{watch.port}/")
            assert watch.arrived == 4
        tally.caught(ATTACK, "policy that allows loopback")

    uvloop.run(work())


def test_what_is_allowed_by_name_of_network_is_reached() -> None:
    policy = AddressPolicy(networks_of(["127.0.0.77/32"]))

    async def work() -> None:
        with socket.create_server(("127.0.0.77", 0)) as listening:
            port = listening.getsockname()[1]
            connection = await Egress(policy).connect("127.0.0.77", port, asyncio.get_running_loop().time() + 3)
            connection.socket.close()

    uvloop.run(work())

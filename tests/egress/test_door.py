"""The one way out: every answer judged, connections only to what was vetted."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import uvloop

from egress.door import Egress
from egress.errors import (
    AddressRefusedError,
    ConnectRefusedError,
    ConnectTimeoutError,
    EgressError,
    NotResolvedError,
)
from egress.resolver import Resolver
from model.addresses import AddressPolicy, networks_of
from tests.egress.dns_server import dns_server, resolver_files, zone

MIXED = {
    "public.test": ["93.184.216.34", "2606:4700::1111"],
    "mixed.test": ["93.184.216.34", "10.0.0.1"],
    "mixed6.test": ["93.184.216.34", "fd00::1"],
    "mapped.test": ["93.184.216.34", "::ffff:127.0.0.1"],
    "many.test": [f"93.184.216.{last}" for last in range(1, 51)] + ["192.168.0.1"],
    "cdn.test": [f"93.184.216.{last}" for last in range(1, 21)],
    "v6.test": ["2606:4700::1111"],
    "metadata.google.internal": ["169.254.169.254"],
}


def door(allow: Iterable[str] = (), resolver: Resolver | None = None) -> Egress:
    return Egress(AddressPolicy(networks_of(allow)), resolver)


def soon(within_s: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + within_s


def test_one_refused_answer_refuses_the_look_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone(MIXED)) as names:
            egress = door(resolver=Resolver(**resolver_files(tmp_path), port=names.port))
            for host in ("public.test", "cdn.test", "v6.test"):
                vetted = await egress.resolve(host, 80, soon())
                assert set(vetted.addresses) <= set(MIXED[host])
                assert vetted.dns_ms is not None
            for host in ("mixed.test", "mixed6.test", "mapped.test", "many.test", "metadata.google.internal"):
                with pytest.raises(AddressRefusedError) as caught:
                    await egress.resolve(host, 80, soon())
                assert caught.value.code == "blocked_address"
                assert caught.value.dns_ms is not None

    uvloop.run(work())


def test_metadata_is_refused_where_all_is_allowed(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone(MIXED)) as names:
            resolver = Resolver(**resolver_files(tmp_path), port=names.port)
            egress = door(("0.0.0.0/0", "::/0"), resolver)
            for host in ("metadata.google.internal", "169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]"):
                with pytest.raises(AddressRefusedError, match="metadata"):
                    await egress.resolve(host, 80, soon())

    uvloop.run(work())


def test_this_machines_other_addresses_count_as_its_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        monkeypatch.setattr("egress.door.is_own", lambda address: str(address) == "93.184.216.34")
        with pytest.raises(AddressRefusedError, match="this very machine"):
            await door().resolve("93.184.216.34", 80, soon())
        assert (await door(("127.0.0.0/8",)).resolve("93.184.216.34", 80, soon())).addresses == ("93.184.216.34",)

    uvloop.run(work())


def test_hosts_and_ports_that_make_no_sense_are_not_resolved() -> None:
    async def work() -> None:
        for host, port in (
            ("a..b", 80),
            ("", 80),
            ("a b", 80),
            ("fe80::1%lo", 80),
            ("8.8.8.8", 0),
            ("8.8.8.8", 65_536),
        ):
            with pytest.raises(NotResolvedError):
                await door().resolve(host, port, soon())

    uvloop.run(work())


def test_a_connection_is_to_the_address_that_was_vetted() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            egress = door(("127.0.0.0/8", "::1/128"))
            connection = await egress.connect("localhost", port, soon())
            with connection.socket:
                assert connection.address == "127.0.0.1"
                assert connection.socket.getpeername() == ("127.0.0.1", port)
                assert connection.dns_ms is not None
                assert connection.connect_ms > 0
            with await egress.datagram_socket("127.0.0.1", 53, soon()) as datagrams:
                assert datagrams.getpeername() == ("127.0.0.1", 53)
            with pytest.raises(AddressRefusedError):
                await door().connect("localhost", port, soon())
            with pytest.raises(AddressRefusedError):
                await door().datagram_socket("127.1", 53, soon())
        with pytest.raises(ConnectRefusedError):
            await egress.connect("127.0.0.1", port, soon())

    uvloop.run(work())


def test_a_connection_nobody_takes_times_out() -> None:
    async def work() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            crowd = [socket.socket() for _ in range(4)]
            for waiting in crowd:
                waiting.setblocking(False)
                waiting.connect_ex(listening.getsockname())
            started = time.monotonic()
            with pytest.raises(ConnectTimeoutError):
                await door(("127.0.0.0/8",)).connect("127.0.0.1", listening.getsockname()[1], soon(0.3))
            assert 0.2 < time.monotonic() - started < 1.3
            for waiting in crowd:
                waiting.close()

    uvloop.run(work())


def test_the_next_address_is_tried_while_the_first_stays_silent(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.socket() as silent, socket.socket() as listening:
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            port = silent.getsockname()[1]
            listening.bind(("127.0.0.2", port))
            listening.listen()
            crowd = [socket.socket() for _ in range(4)]
            for waiting in crowd:
                waiting.setblocking(False)
                waiting.connect_ex(silent.getsockname())
            resolver = Resolver(**resolver_files(tmp_path, hosts="127.0.0.1 a.test\n127.0.0.2 a.test\n"))
            connection = await door(("127.0.0.0/8",), resolver).connect("a.test", port, soon())
            with connection.socket:
                assert connection.address == "127.0.0.2"
                assert connection.connect_ms < 1_000
            for waiting in crowd:
                waiting.close()

    uvloop.run(work())


def test_every_error_names_its_code() -> None:
    def tree(kind: type[EgressError]) -> Iterable[type[EgressError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from tree(child)

    codes = {kind.code for kind in tree(EgressError)}
    assert codes == {
        "internal", "dns_failure", "resolver_unavailable", "blocked_address", "connect_refused", "connect_timeout",
        "connect_failed",
    }  # fmt: skip

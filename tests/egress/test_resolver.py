"""Names to addresses: by the machine's files, on the loop, and honest about whose silence it was."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Coroutine
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import dns.message
import pytest
import uvloop

from egress.errors import NotResolvedError, ResolverSilentError
from egress.resolver import Found, Resolver
from egress.system import parse_hosts, parse_resolv_conf
from tests.egress.dns_server import dns_server, reply, resolver_files, zone

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


async def look_up(resolver: Resolver, name: str, within_s: float = 5.0) -> list[str]:
    found: Found = await resolver.look_up(name, asyncio.get_running_loop().time() + within_s)
    return [str(address) for address in found.addresses]


def test_a_and_aaaa_are_asked_together(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone({"both.test": ["192.0.2.1", "192.0.2.2", "2001:db8::1"]})) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            assert await look_up(resolver, "both.test") == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
            assert sorted(kind for _, kind, _ in server.asked) == ["A", "AAAA"]

    run(work())


def test_localhost_and_its_children_are_never_asked_of_a_nameserver(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone({})) as server:
            resolver = Resolver(**resolver_files(tmp_path, hosts="10.0.0.9 db.test other\n"), port=server.port)
            for name in ("localhost", "localhost.", "foo.localhost"):
                assert await look_up(resolver, name) == ["127.0.0.1", "::1"]
            assert await look_up(resolver, "other") == ["10.0.0.9"]
            assert server.asked == []

    run(work())


def test_changed_files_are_read_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone({"a.test": ["192.0.2.1"]})) as server:
            files = resolver_files(tmp_path, hosts="10.0.0.1 a.test\n", resolv_conf="nameserver 127.0.0.2\n")
            resolver = Resolver(**files, port=server.port)
            assert await look_up(resolver, "a.test") == ["10.0.0.1"]
            files["hosts"].write_text("10.0.0.2 a.test # moved\n")
            os.utime(files["hosts"], ns=(1, 1))
            assert await look_up(resolver, "a.test") == ["10.0.0.2"]
            files["hosts"].unlink()
            files["resolv_conf"].write_text("nameserver 127.0.0.1\n")
            assert await look_up(resolver, "a.test") == ["192.0.2.1"]

    run(work())


def test_a_name_that_does_not_exist_is_the_targets_fault(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone({"empty.test": []})) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            with pytest.raises(NotResolvedError, match="NXDOMAIN") as caught:
                await look_up(resolver, "missing.test")
            assert caught.value.dns_ms is not None
            with pytest.raises(NotResolvedError, match="neither A nor AAAA"):
                await look_up(resolver, "empty.test")

    run(work())


def test_a_silent_nameserver_is_not_the_targets_fault(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(lambda *_: None) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            started = time.monotonic()
            with pytest.raises(ResolverSilentError):
                await look_up(resolver, "a.test", within_s=0.3)
            assert time.monotonic() - started < 1.0
            assert len(server.asked) == 4  # both questions, twice, within the deadline
            assert not await resolver.alive(asyncio.get_running_loop().time() + 0.1)

    run(work())


def test_nobody_listening_is_not_the_targets_fault_and_known_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        resolver = Resolver(**resolver_files(tmp_path), port=port)
        started = time.monotonic()
        with pytest.raises(ResolverSilentError):
            await look_up(resolver, "a.test")
        assert time.monotonic() - started < 1.0

    run(work())


def test_another_nameserver_is_asked_when_one_fails_and_first_from_then_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone({"a.test": ["192.0.2.1"]})) as server:
            # 127.0.0.2 has no server: the kernel says so at once.
            conf = "nameserver 127.0.0.2\nnameserver 127.0.0.1\n"
            resolver = Resolver(**resolver_files(tmp_path, resolv_conf=conf), port=server.port)
            assert await look_up(resolver, "a.test") == ["192.0.2.1"]
            order = resolver.by_trust(asyncio.get_running_loop().time())
            assert [entry.shown for entry in order] == ["127.0.0.1", "127.0.0.2"]
            assert await resolver.alive(asyncio.get_running_loop().time() + 1)

    run(work())


def test_a_failing_nameserver_is_asked_again(tmp_path: Path) -> None:
    async def work() -> None:
        failed: set[str] = set()

        def fails_first(name: str, kind: str, query: dns.message.Message) -> bytes:
            if kind not in failed:
                failed.add(kind)
                return reply(query, rcode=2)
            return reply(query, f"{name}. 60 IN A 192.0.2.1") if kind == "A" else reply(query)

        async with dns_server(fails_first) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            assert await look_up(resolver, "a.test") == ["192.0.2.1"]
        async with dns_server(lambda _name, _kind, query: reply(query, rcode=2)) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            with pytest.raises(NotResolvedError, match="SERVFAIL"):
                await look_up(resolver, "a.test")

    run(work())


def test_a_cut_off_answer_is_asked_for_again_over_tcp(tmp_path: Path) -> None:
    async def work() -> None:
        many = [f"198.51.100.{last}" for last in range(1, 101)]

        def over_udp(_name: str, _kind: str, query: dns.message.Message) -> bytes:
            return reply(query, truncated=True)

        async with dns_server(over_udp, zone({"big.test": many})) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            assert await look_up(resolver, "big.test") == many
            assert {transport for *_, transport in server.asked} == {"udp", "tcp"}

    run(work())


def test_one_family_that_stays_silent_does_not_hold_up_the_other(tmp_path: Path) -> None:
    async def work() -> None:
        def only_a(name: str, kind: str, query: dns.message.Message) -> bytes | None:
            return reply(query, f"{name}. 60 IN A 192.0.2.1") if kind == "A" else None

        async with dns_server(only_a) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            started = time.monotonic()
            assert await look_up(resolver, "a.test") == ["192.0.2.1"]
            assert time.monotonic() - started < 2.0

    run(work())


def test_no_such_name_for_one_family_does_not_hide_the_other(tmp_path: Path) -> None:
    async def work() -> None:
        waiting: list[bytes] = []

        def nxdomain_first(name: str, kind: str, query: dns.message.Message) -> list[bytes]:
            waiting.append(reply(query, rcode=3) if kind == "AAAA" else reply(query, f"{name}. 60 IN A 192.0.2.1"))
            return list(reversed(waiting)) if len(waiting) == 2 else []

        async with dns_server(nxdomain_first) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            assert await look_up(resolver, "a.test") == ["192.0.2.1"]

    run(work())


def test_forged_answers_are_ignored(tmp_path: Path) -> None:
    async def work() -> None:
        def forged_first(name: str, kind: str, query: dns.message.Message) -> list[bytes]:
            honest = reply(query, f"{name}. 60 IN {kind} " + ("192.0.2.1" if kind == "A" else "2001:db8::1"))
            guess = bytearray(reply(query, f"{name}. 60 IN {kind} " + ("10.0.0.1" if kind == "A" else "fd00::1")))
            guess[0] ^= 0xFF
            other = reply(dns.message.make_query("other.test", kind, id=query.id), rcode=3)
            return [bytes(guess), other, b"", b"junk", honest]

        async with dns_server(forged_first) as server:
            resolver = Resolver(**resolver_files(tmp_path), port=server.port)
            assert await look_up(resolver, "a.test") == ["192.0.2.1", "2001:db8::1"]

    run(work())


def test_search_domains_are_tried_as_resolv_conf_says(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(zone({"db.corp.test": ["192.0.2.1"], "db.test": ["192.0.2.2"]})) as server:
            conf = "search lab.test corp.test\nnameserver 127.0.0.1\n"
            resolver = Resolver(**resolver_files(tmp_path, resolv_conf=conf), port=server.port)
            assert await look_up(resolver, "db") == ["192.0.2.1"]
            assert await look_up(resolver, "db.test") == ["192.0.2.2"]
            with pytest.raises(NotResolvedError):
                await look_up(resolver, "db.")

    run(work())


def test_forty_look_ups_to_a_silent_server_hold_up_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with dns_server(lambda *_: None) as silent, dns_server(zone({"a.test": ["192.0.2.1"]})) as server:
            dead = Resolver(**resolver_files(tmp_path), port=silent.port)
            alive = Resolver(**resolver_files(tmp_path), port=server.port)
            stuck = [asyncio.create_task(look_up(dead, f"{n}.test", within_s=2.0)) for n in range(40)]
            await silent.until(lambda: len(silent.asked) == 80)
            started = time.monotonic()
            assert await look_up(alive, "a.test") == ["192.0.2.1"]
            assert time.monotonic() - started < 0.5
            for task in stuck:
                task.cancel()
            assert all(
                isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*stuck, return_exceptions=True)
            )

    run(work())


def test_resolv_conf_is_read_as_glibc_reads_it() -> None:
    options = parse_resolv_conf(
        "# made by hand\ndomain x.test\nsearch a.test b.test.\nnameserver 192.0.2.53\nnameserver nonsense\n"
        "nameserver 2001:db8::53\noptions ndots:3 timeout:99 attempts:0 use-vc rotate edns0\n"
    )
    assert [server.shown for server in options.nameservers] == ["192.0.2.53", "2001:db8::53"]
    assert options.search == ("a.test", "b.test")
    assert (options.ndots, options.timeout_s, options.attempts, options.use_tcp) == (3, 30, 1, True)
    assert list(options.candidates("a.b")) == ["a.b.a.test", "a.b.b.test", "a.b"]
    assert [server.shown for server in parse_resolv_conf("").nameservers] == ["127.0.0.1"]


def test_hosts_is_read_line_by_line() -> None:
    known = parse_hosts(
        "127.0.0.1 localhost\n::1 localhost ip6-localhost\nnonsense x\n10.0.0.1\n10.0.0.2 A.test a.test\n"
    )
    assert known["localhost"] == (ip_address("127.0.0.1"), ip_address("::1"))
    assert known["a.test"] == (ip_address("10.0.0.2"),)
    assert "x" not in known

"""Addresses that must not be reached, through the sinks that tests/egress and tests/journeys leave out: what alerts are
sent to, api and tcp checks, dns checks' nameservers, the dead man's ping; names that change what they say; and public
addresses, none of which may be refused. Judged by listeners on inner addresses."""

from __future__ import annotations

import asyncio
import select
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import dns.message
import pytest
from pydantic import ValidationError

from alerts.channels.base import Outgoing, Undelivered, Way
from alerts.self_watch import deadman_ping
from egress.door import Egress
from egress.errors import EgressError
from egress.resolver import Resolver
from model.addresses import Address, AddressPolicy
from model.hosts import parse_url
from probes.checks import dns as dns_check
from probes.checks import tcp as tcp_check
from tests.alerts.channels.bench import PUBLIC_URL, SECRET, channel, payload
from tests.egress.dns_server import Answerer, dns_server, reply, resolver_files, zone
from tests.egress.test_ssrf import ATTACK, HOSTS, NAMES, WRAPPERS, wrapped
from tests.egress.test_ssrf import corpus as addresses
from tests.probes.http_bench import OK, Bench, bench, redirecting, run, serving
from tests.security.tally import WHOLE, Tally, corpus

OPEN = "127.0.0.77"
"""The one address of this machine that is allowed, and stands for the internet."""
Sink = Callable[[Bench, str], Awaitable[Any]]


class Listeners:
    """On both loopbacks, over TCP and UDP, at one port, which OPEN has free."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        for family, kind, host in product(
            (socket.AF_INET, socket.AF_INET6), (socket.SOCK_STREAM, socket.SOCK_DGRAM), ("",)
        ):
            made = socket.socket(family, kind)
            host = "127.0.0.1" if family == socket.AF_INET else "::1"
            made.bind((host, self.sockets[0].getsockname()[1] if self.sockets else 0))
            if kind == socket.SOCK_STREAM:
                made.listen(4_096)
            made.setblocking(False)
            self.sockets.append(made)
        self.port: int = self.sockets[0].getsockname()[1]

    def arrived(self) -> int:
        """How many connections and datagrams have come."""
        count = 0
        while ready := select.select(self.sockets, [], [], 0)[0]:
            for one in ready:
                if one.type == socket.SOCK_STREAM:
                    one.accept()[0].close()
                else:
                    one.recv(65_535)
                count += 1
        return count


@contextmanager
def listeners() -> Iterator[Listeners]:
    heard = Listeners()
    yield heard
    for one in heard.sockets:
        one.close()


def sends(kind: str, config: Callable[[str], dict[str, Any]]) -> Sink:
    async def send(b: Bench, url: str) -> Any:
        way = Way(egress=b.egress, public_url=PUBLIC_URL, acknowledge_url=lambda _: None)
        return await channel(kind, **config(url)).send(Outgoing("ntf_1", "chan_1", (payload(),), 1, SECRET), way)

    return send


async def api_check(b: Bench, url: str) -> None:
    await b.api(url, within_s=2)


async def ping(b: Bench, url: str) -> None:
    """The dead man's, by the door of this bench."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadman_ping, "Egress", lambda _: b.egress)
        await deadman_ping.ping(url, b.egress.policy)


def place_of(url: str) -> tuple[str, int]:
    """What somebody might make of such a URL where a host and a port are asked for."""
    host, _, port = url.partition("://")[2].partition("/")[0].rpartition(":")
    return host, int(port) if port.isdigit() else 80


async def over_tcp(b: Bench, url: str) -> None:
    host, port = place_of(url)
    check = tcp_check.TcpCheck.model_validate({"name": "a", "type": "tcp", "host": host, "port": port})
    await tcp_check.run(check, b.context(2))


async def ask_nameserver(b: Bench, url: str) -> None:
    host, port = place_of(url)
    for protocol, nameserver in product(("udp", "tcp"), (f"{host}:{port}", host)):
        fields = {"name": "a", "type": "dns", "host": "a.example", "nameserver": nameserver, "protocol": protocol}
        await dns_check.run(dns_check.DnsCheck.model_validate(fields), b.context(0.5))


SINKS: dict[str, Sink] = {
    "webhook": sends("webhook", lambda url: {"url": url}),
    "Slack": sends("slack", lambda url: {"webhook_url": url}),
    "api check": api_check,
    "tcp check": over_tcp,
    "dns check's nameserver": ask_nameserver,
    "dead man's ping": ping,
}
NOT_SENT = (ValidationError, Undelivered, EgressError, ValueError, deadman_ping.PingFailedError, TimeoutError)
PATIENCE_S = 0.5
"""For what listeners, which never answer, would hold up."""


async def arrivals(
    sink: Sink, urls: Callable[[int], list[str]], folder: Path, patience_s: float = PATIENCE_S
) -> tuple[int, int, int]:
    """(tried, refused in so many words, arrived where nothing may)."""
    with listeners() as heard:
        async with dns_server(zone(NAMES)) as names:
            resolver = Resolver(**resolver_files(folder, hosts=HOSTS), port=names.port)
            async with bench(allow=(f"{OPEN}/32",), resolver=resolver) as b:
                tried, refused = urls(heard.port), 0
                for url in tried:
                    try:
                        await asyncio.wait_for(sink(b, url), patience_s)
                    except NOT_SENT:
                        refused += 1
        return len(tried), refused, heard.arrived()


def everywhere(port: int) -> list[str]:
    return corpus((wrapped(wrapper, host, port) for wrapper in WRAPPERS for host in addresses()), short=80)


@pytest.mark.parametrize("sink", SINKS)
def test_nothing_arrives_at_a_listener_from(sink: str, tmp_path: Path, tally: Tally) -> None:
    tried, refused, arrived = run(arrivals(SINKS[sink], everywhere, tmp_path))
    tally.add(ATTACK, sink, tried=tried, refused=refused, effective=arrived)
    assert arrived == 0


def look_away(patch: pytest.MonkeyPatch) -> None:
    """A door that refuses nothing."""
    patch.setattr(Egress, "refusal", lambda *_: None)


@pytest.mark.parametrize("sink", SINKS)
def test_a_build_whose_door_does_not_look_is_caught(
    sink: str, tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_away(monkeypatch)
    assert run(arrivals(SINKS[sink], lambda port: [f"http://127.0.0.1:{port}/"], tmp_path))[2]
    tally.caught(ATTACK, "door that does not look")


APPRISE = sends("apprise", lambda url: {"url": url})


def test_nothing_arrives_at_a_listener_from_apprise(tmp_path: Path, tally: Tally) -> None:
    """A process of its own for each, so there are fewer."""

    def urls(port: int) -> list[str]:
        hosts = [host for host in addresses() if host.isascii() and host not in NAMES]
        return corpus((f"{scheme}://{host}:{port}/x" for host in hosts for scheme in ("ntfy", "gotify")), short=2)

    tried, refused, arrived = run(arrivals(APPRISE, urls, tmp_path, patience_s=20))
    tally.add(ATTACK, "apprise", tried=tried, refused=refused, effective=arrived)
    assert arrived == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_webhook_follows_a_redirect_to_a_listener(status: int, tally: Tally) -> None:
    async def work() -> tuple[int, int, int]:
        tried = refused = 0
        with listeners() as heard:
            async with bench(allow=(f"{OPEN}/32",)) as b:
                for host in corpus(addresses(), short=8):
                    location = f"http://{host}:{heard.port}/".encode().decode("latin-1")
                    async with serving(redirecting(location, status), host=OPEN) as server:
                        tried += 1
                        try:
                            await SINKS["webhook"](b, server.url(host=OPEN))
                        except Undelivered:
                            refused += 1
                        assert len(server.seen) == 1
            return tried, refused, heard.arrived()

    tried, refused, arrived = run(work())
    tally.add(ATTACK, "webhook's redirect", tried=tried, refused=refused, effective=arrived)
    assert (refused, arrived) == (tried, 0)


REBINDS = 200 if WHOLE else 30
INNER = ("127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1")


def changing() -> Answerer:
    """Names that say OPEN, and an inner address the next time, or both at once, or an alias of one that does."""
    asked: Counter[tuple[str, str]] = Counter()

    def answer(name: str, kind: str, query: dns.message.Message) -> bytes:
        number = int(name.partition(".")[0].removeprefix("r"))
        asked[name, kind] += 1
        inner = INNER[number // 5 % len(INNER)]
        record = f"{name}. 0 IN {'AAAA' if ':' in inner else 'A'} {inner}"
        opened = [f"{name}. 0 IN A {OPEN}"] if kind == "A" else []
        closed = [record] if record.split()[3] == kind else []
        later = opened if asked[name, kind] % 2 else closed
        alias = [f"{name}. 0 IN CNAME inner.test.", record.replace(f"{name}.", "inner.test.", 1)] if closed else opened
        ways = (later, opened + closed, closed + opened, alias, opened if asked[name, kind] % 3 else closed + opened)
        return reply(query, *ways[number % len(ways)])

    return answer


def rebound(folder: Path, rounds: int) -> tuple[int, int, int]:
    """(tried, arrived at listeners, arrived where it may): each name several times, by a webhook and a url check."""

    async def work() -> tuple[int, int, int]:
        tried = 0
        with listeners() as heard:
            listening = await asyncio.start_server(_answer, OPEN, heard.port)
            async with listening, dns_server(changing()) as names:
                resolver = Resolver(**resolver_files(folder), port=names.port)
                async with bench(allow=(f"{OPEN}/32",), resolver=resolver) as b:
                    for number in range(rounds):
                        for _ in range(3):
                            url = f"http://r{number}.test:{heard.port}/"
                            tried += 2
                            await b.url(url, within_s=PATIENCE_S)
                            try:
                                await asyncio.wait_for(SINKS["webhook"](b, url), PATIENCE_S)
                            except (Undelivered, TimeoutError):
                                continue
            return tried, heard.arrived(), _answered.pop() if _answered else 0

    _answered.clear()
    return run(work())


_answered: list[int] = []


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    writer.close()
    _answered[:] = [sum(_answered) + 1]


def test_no_name_that_changes_its_mind_leads_to_a_listener(tmp_path: Path, tally: Tally) -> None:
    tried, arrived, allowed = rebound(tmp_path, REBINDS)
    tally.add(ATTACK, "rebound name", tried=tried, effective=arrived)
    assert arrived == 0
    assert allowed > 0, "where it may go, it goes"


def test_a_build_that_takes_whatever_a_name_says_is_caught(
    tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_away(monkeypatch)
    assert rebound(tmp_path, 2)[1]
    tally.caught(ATTACK, "names that are taken at their word")


PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001:81b::200e")
GOOD_HOSTS = (
    "example.com", "EXAMPLE.com", "example.com.", "a-b.example.com", "_dmarc.example.com", "xn--bcher-kva.example",
    "bücher.example", "例え.example", "пример.example", "a.b.c.d.e.f.example.com", "1e100.net", "0x.example",
    "10.example.com",
    "localhost.example.com", "127.0.0.1.example.com", "93.184.216.34", "1.1.1.1", "8.8.8.8", "172.15.255.255",
    "172.32.0.0", "192.167.255.255", "100.63.255.255", "100.128.0.0", "[2606:4700:4700::1111]",
    "[2a00:1450:4001:81b::200e]", "[2400:cb00:2048:1::c629:d7a2]", "aaaa-only.example", "twenty.example",
    "a" * 63 + ".example",
)  # fmt: skip
GOOD_WRAPPERS = (
    "http://{host}/", "https://{host}/", "http://{host}:8080/", "http://{host}:1/", "https://{host}:65534/",
    "http://ann:pw@{host}/", "https://{host}/" + "long/" * 300, "http://{host}/?next=http://127.0.0.1/",
)  # fmt: skip


def public_names(name: str, kind: str, query: dns.message.Message) -> bytes:
    addresses = [f"93.184.216.{last}" for last in range(1, 21)] if name == "twenty.example" else list(PUBLIC)
    if name == "aaaa-only.example":
        addresses = list(PUBLIC[2:])
    wanted = [address for address in addresses if (":" in address) == (kind == "AAAA")]
    return reply(query, *(f"{name}. 60 IN {kind} {address}" for address in wanted))


def refused_of_the_good(folder: Path, urls: list[str]) -> list[str]:
    async def work() -> list[str]:
        refused = []
        async with dns_server(public_names) as names:
            egress = Egress(AddressPolicy(), Resolver(**resolver_files(folder), port=names.port))
            for url in urls:
                try:
                    channel("webhook", url=url)
                    target = parse_url(url)
                    await egress.resolve(target.host, target.port, asyncio.get_running_loop().time() + 5)
                except NOT_SENT as error:
                    refused.append(f"{url}: {error}")
        return refused

    return run(work())


GOOD = [wrapper.format(host=host) for wrapper in GOOD_WRAPPERS for host in GOOD_HOSTS]


def test_no_public_address_is_refused(tmp_path: Path, tally: Tally) -> None:
    assert len(set(GOOD)) >= 200
    refused = refused_of_the_good(tmp_path, GOOD)
    tally.add("being refused without a reason", "url", tried=len(GOOD), effective=len(refused))
    assert refused == []


def test_a_build_that_refuses_too_much_is_caught(tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(_: AddressPolicy, address: Address) -> str | None:
        return "may be private" if str(address).startswith("172.") else None

    monkeypatch.setattr(AddressPolicy, "refusal", wide)
    assert refused_of_the_good(tmp_path, GOOD)
    tally.caught("being refused without a reason", "all of 172.0.0.0/8 denied")

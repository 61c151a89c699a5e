"""Where a probe looks to learn whether its own network works: what to ask, and asking it.

A place that refuses a connection has answered: the way to it works. So a refusal counts as reached, silence does not.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from probes.admission import is_loopback

ANSWER_WITHIN_S = 1.5
WORKED_FOR_S = 3_600.0
_WORKED_KEPT = 256
_GATEWAY_PORTS = (53, 80, 443)
_DEFAULT_PORT = 443


class BadCanaryError(ValueError):
    """TRACER_CANARIES names something that can't be asked; the text is for people."""


class Canary(msgspec.Struct, frozen=True):
    """A place to connect to: any of `ports` of `host` will do. `network` names its surroundings, to tell unrelated
    places apart; `worked` says that it is a host which a check reached within the last hour."""

    host: str
    ports: tuple[int, ...]
    network: str = ""
    worked: bool = False

    @property
    def label(self) -> str:
        return f"{self.host}:{','.join(map(str, self.ports))}"


def parse_canary(text: str) -> Canary:
    """`host:port`, `[v6]:port`, a bare host (port 443) or an http(s) URL. Raises BadCanaryError."""
    parts = urlsplit(text if "//" in text else f"//{text}")
    try:
        port = parts.port or {"http": 80}.get(parts.scheme, _DEFAULT_PORT)
    except ValueError:
        port = None
    if port is None or not parts.hostname or parts.scheme not in ("", "http", "https"):
        raise BadCanaryError(f"TRACER_CANARIES: {text!r} is neither host:port nor an http(s) address")
    return Canary(parts.hostname.lower(), (port,))


def gateways(route_table: Path = Path("/proc/net/route")) -> list[Canary]:
    """This machine's default gateways (IPv4), from the kernel's table; none where there is no such table."""
    try:
        lines = route_table.read_text().splitlines()[1:]
    except OSError:
        return []
    found = []
    for fields in (line.split() for line in lines):
        if len(fields) > 3 and fields[1] == "00000000" and fields[2] != "00000000" and int(fields[3], 16) & 2:
            address = ipaddress.ip_address(bytes.fromhex(fields[2])[::-1])
            found.append(Canary(str(address), _GATEWAY_PORTS))
    return found


class WorkedHosts:
    """Hosts that a check reached lately: by address to connect to, by name to look up. Noting one is done for every
    passing run and so only writes down; what it amounts to is worked out when a canary is needed."""

    def __init__(self) -> None:
        self._latest: OrderedDict[str, tuple[float, str, int | None, bool]] = OrderedDict()

    def note(self, target: str, address: str | None, port: int | None, *, looked_up: bool = False) -> None:
        """A check of `target` passed, at that address and port where they are known; `looked_up`: by its name."""
        self._latest[target] = (time.monotonic(), address or target, port, looked_up)
        self._latest.move_to_end(target)
        if len(self._latest) > _WORKED_KEPT:
            self._latest.popitem(last=False)

    def network(self, target: str) -> str:
        """The network that a target was in when it last worked; empty when it is not known."""
        known = self._latest.get(target)
        return network_of(target if known is None else known[1])

    def places(self, limit: int) -> list[Canary]:
        """The latest, each in another network."""
        unrelated: dict[str, Canary] = {}
        for _, address, port, _ in self._recent():
            network = network_of(address)
            if network and port is not None and not is_loopback(address) and network not in unrelated:
                unrelated[network] = Canary(address.strip("[]"), (port,), network, worked=True)
            if len(unrelated) == limit:
                break
        return list(unrelated.values())

    def names(self, limit: int) -> list[str]:
        """The latest, each in another domain."""
        unrelated: dict[str, str] = {}
        for target, _, _, looked_up in self._recent():
            if looked_up and not is_literal(target):
                unrelated.setdefault(domain_of(target), target)
            if len(unrelated) == limit:
                break
        return list(unrelated.values())

    def _recent(self) -> Iterator[tuple[str, str, int | None, bool]]:
        oldest = time.monotonic() - WORKED_FOR_S
        for target, (at, address, port, looked_up) in reversed(self._latest.items()):
            if at < oldest:
                return
            yield target, address, port, looked_up


def network_of(host: str) -> str:
    """The /16 (IPv6: /32) a literal address is in: hosts of two of them rarely fail for one reason of their own. Empty
    for a name."""
    ip = _literal(host)
    return "" if ip is None else str(ipaddress.ip_network((ip, 16 if ip.version == 4 else 32), strict=False))


def domain_of(name: str) -> str:
    """The last two labels: names that share them share their name servers."""
    return ".".join(name.rstrip(".").split(".")[-2:])


def is_public(host: str) -> bool:
    """Whether it is a literal address of the public internet."""
    ip = _literal(host)
    return ip is not None and ip.is_global


@lru_cache(maxsize=4_096)
def is_private(host: str) -> bool:
    """Whether it is a literal address of a network of one's own."""
    ip = _literal(host)
    return ip is not None and not ip.is_global


def is_literal(host: str) -> bool:
    """Whether it is an address, not a name."""
    return _literal(host) is not None


async def reached(canary: Canary, addresses: Iterable[str]) -> bool:
    """Whether anything answers at any of these addresses of the canary, within ANSWER_WITHIN_S."""
    tries = [asyncio.ensure_future(_answers(address, port)) for address in addresses for port in canary.ports]
    if not tries:
        return False
    try:
        for next_done in asyncio.as_completed(tries, timeout=ANSWER_WITHIN_S):
            if await next_done:
                return True
    except TimeoutError:
        return False
    finally:
        for attempt in tries:
            attempt.cancel()
    return False


async def _answers(address: str, port: int) -> bool:
    ip = _literal(address)
    if ip is None:
        return False
    with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_STREAM) as stream:
        stream.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(stream, (address, port))
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return True


def _literal(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None

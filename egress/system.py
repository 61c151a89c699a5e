"""The machine's own word on names: /etc/hosts and /etc/resolv.conf, read again whenever they change."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Generic, TypeVar

from model.addresses import Address

_T = TypeVar("_T")
_MAX_BYTES = 4 * 1024 * 1024
_MAX_SEARCH = 6
DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Nameserver:
    """Where to ask. `sockaddr` as `socket.connect` takes it; `shown` for people."""

    family: int
    sockaddr: tuple[str | int, ...]
    shown: str


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """resolv.conf(5), as far as it concerns address look-ups."""

    nameservers: tuple[Nameserver, ...]
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout_s: float = 5.0
    attempts: int = 2
    use_tcp: bool = False

    def candidates(self, name: str) -> Iterator[str]:
        """The names to try in turn: with fewer than `ndots` dots the search list goes first; a final dot ends it."""
        if name.endswith("."):
            yield name.rstrip(".")
            return
        searched = [f"{name}.{suffix}" for suffix in self.search]
        yield from (name, *searched) if name.count(".") >= self.ndots else (*searched, name)


class WatchedFile(Generic[_T]):
    """A parsed file that is read again when its inode, size or time of change differ: one stat a use."""

    def __init__(self, path: Path, parse: Callable[[str], _T]) -> None:
        self._path = os.fspath(path)
        self._parse = parse
        self._seen: tuple[int, int, int] | None = None
        self._value: _T | None = None

    @property
    def value(self) -> _T:
        """The file's meaning now; that of an empty file when there is none."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - once a check: Path.stat costs twice as much
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        except OSError:
            seen = (0, 0, 0)
        if self._value is None or seen != self._seen:
            self._value, self._seen = self._parse(self._read()), seen
        return self._value

    def _read(self) -> str:
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123 - a bounded read of a path kept as text
                return file.read(_MAX_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""


def parse_hosts(text: str) -> dict[str, tuple[Address, ...]]:
    """hosts(5): name, lower case -> its addresses in the order of the file."""
    found: dict[str, list[Address]] = {}
    for line in text.splitlines():
        fields = line.partition("#")[0].split()
        try:
            address = ip_address(fields[0]) if len(fields) > 1 else None
        except ValueError:
            continue
        if address is None:
            continue
        for name in fields[1:]:
            known = found.setdefault(name.lower().rstrip("."), [])
            if address not in known:
                known.append(address)
    return {name: tuple(addresses) for name, addresses in found.items()}


def parse_resolv_conf(text: str, *, port: int = DNS_PORT) -> ResolverOptions:
    """resolv.conf(5). With no nameserver line it is the one on this machine, as glibc has it."""
    servers: list[Nameserver] = []
    search: tuple[str, ...] = ()
    options: dict[str, int] = {}
    for line in text.splitlines():
        if line[:1] in "#;" or not (fields := line.split()):
            continue
        match fields[0]:
            case "nameserver" if len(fields) > 1:
                servers.extend(filter(None, [nameserver(fields[1], port)]))
            case "search" | "domain":
                search = tuple(name.rstrip(".").lower() for name in fields[1:] if name.strip("."))[:_MAX_SEARCH]
            case "options":
                options.update(_option(field) for field in fields[1:])
    default = Nameserver(socket.AF_INET, ("127.0.0.1", port), "127.0.0.1")
    return ResolverOptions(
        nameservers=tuple(servers[:3]) or (default,),
        search=search,
        ndots=min(max(options.get("ndots", 1), 0), 15),
        timeout_s=min(max(options.get("timeout", 5), 1), 30),
        attempts=min(max(options.get("attempts", 2), 1), 5),
        use_tcp="use-vc" in options,
    )


def _option(field: str) -> tuple[str, int]:
    name, _, value = field.partition(":")
    return name, int(value) if value.isdigit() else 1


def nameserver(text: str, port: int = DNS_PORT) -> Nameserver | None:
    """`192.0.2.1` or `fe80::1%eth0` -> where to ask; None when it is no address."""
    host, _, zone = text.partition("%")
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return Nameserver(socket.AF_INET, (host, port), text)
    try:
        scope = socket.if_nametoindex(zone) if zone and not zone.isdigit() else int(zone or 0)
    except OSError:
        return None
    return Nameserver(socket.AF_INET6, (host, port, 0, scope), text)

"""The one way out to users' addresses (R13): resolve, vet every answer, connect to exactly what was vetted."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from functools import lru_cache

from egress.connecting import Connection, connect_first
from egress.errors import AddressRefusedError, ConnectFailedError, NotResolvedError
from egress.own import has_ipv6_route, is_own
from egress.resolver import Resolver
from egress.system import Nameserver
from model.addresses import Address, AddressPolicy
from model.hosts import BadHostError, address_of, parse_host

_MAX_PINNED = 16
"""Addresses of one name that are tried; all of them are vetted."""
_KEPT_VERDICTS = 8_192
_OWN_S = 30.0
"""How long this machine's own addresses and routes are taken as known."""


@dataclass(frozen=True, slots=True)
class Vetted:
    """Where a host may be connected to, best first, in their usual text form. `dns_ms` is None when no name was
    looked up."""

    addresses: tuple[str, ...]
    dns_ms: float | None


class Egress:
    """Every sink that connects to what a user wrote goes through here. One per event loop."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver | None = None) -> None:
        self.policy = policy
        self.resolver = resolver or Resolver()
        self._verdicts: dict[Address, tuple[float, str | None]] = {}
        self._known: dict[str, tuple[float, Vetted]] = {}
        self._ipv6: tuple[float, bool] = (0.0, False)

    async def resolve(self, host: str, port: int, deadline: float) -> Vetted:
        """The addresses of a host that may be connected to until `deadline` (loop time). One refused address among
        many refuses the look-up: a name that mixes public and private answers is an attack or a mistake.

        Raises NotResolvedError, ResolverSilentError, AddressRefusedError."""
        name, address = _canonical(host, port)
        if address is not None:
            return self._direct(name, address, host)
        found = await self.resolver.look_up(name, deadline)
        for answer in found.addresses:
            self.vet(answer, host, dns_ms=found.dns_ms)
        return Vetted(tuple(str(answer) for answer in self._ordered(found.addresses)), found.dns_ms)

    def _direct(self, name: str, address: Address, host: str) -> Vetted:
        """Of an address, as long as its verdict is taken as known: a check of it comes here each time."""
        known = self._known.get(name)
        if known is not None and known[0] > asyncio.get_running_loop().time():
            return known[1]
        self.vet(address, host)
        if len(self._known) >= _KEPT_VERDICTS:
            self._known.clear()
        vetted = Vetted((str(address),), None)
        verdict = self._verdicts.get(address)
        if verdict is not None:
            self._known[name] = (verdict[0], vetted)
        return vetted

    def vet(self, address: Address, host: str, *, dns_ms: float | None = None) -> None:
        """Raises AddressRefusedError when this process must not connect to the address that `host` led to."""
        reason = self.refusal(address)
        if reason is not None:
            shown = f"{host} {reason}" if str(address) == host else f"{host} leads to {address}, which {reason}"
            raise AddressRefusedError(f"{shown}; TRACER_ALLOW_NETS decides what else may be checked", dns_ms=dns_ms)

    def refusal(self, address: Address) -> str | None:
        """The verdict on one address, as a sentence's end; None when it may be connected to. Our own addresses
        (this machine's) are allowed where its loopback is."""
        now = asyncio.get_running_loop().time()
        known = self._verdicts.get(address)
        if known is not None and known[0] > now:
            return known[1]
        reason = self.policy.refusal(address)
        if reason is None and not self.policy.allows_own(address) and is_own(address):
            reason = "is an address of this very machine"
        if len(self._verdicts) >= _KEPT_VERDICTS:
            self._verdicts.clear()
        self._verdicts[address] = (now + _OWN_S, reason)
        return reason

    async def connect(self, host: str, port: int, deadline: float) -> Connection:
        """A TCP connection to a vetted address of the host; the caller closes its socket.

        Raises what `resolve` raises, ConnectRefusedError, ConnectTimeoutError or ConnectFailedError."""
        vetted = await self.resolve(host, port, deadline)
        connection = await connect_first(vetted.addresses, port, deadline, dns_ms=vetted.dns_ms)
        self._vet_peer(connection.socket, host)
        return connection

    async def datagram_socket(self, host: str, port: int, deadline: float) -> socket.socket:
        """A non-blocking UDP socket connected to a vetted address; the caller closes it. Raises as `connect`."""
        vetted = await self.resolve(host, port, deadline)
        address = vetted.addresses[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        datagrams = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            datagrams.connect((address, port))
            self._vet_peer(datagrams, host)
        except OSError as error:
            datagrams.close()
            raise ConnectFailedError(f"{host} port {port} can't be reached: {error.strerror or error}") from None
        return datagrams

    def nameservers(self) -> tuple[Nameserver, ...]:
        """The machine's own resolvers, for a dns check that names none. Part of this machine's set-up, not of what
        a user wrote, so they need no vetting."""
        return self.resolver.options.nameservers

    def _vet_peer(self, connected: socket.socket, host: str) -> None:
        """The last word: judged on the address that the socket is connected to."""
        try:
            peer = address_of(connected.getpeername()[0])
        except OSError:
            connected.close()
            raise ConnectFailedError(f"{host} took the connection and broke it at once") from None
        if peer is None or self.refusal(peer) is not None:
            connected.close()
            raise AddressRefusedError(f"{host} led to {peer}, which this probe must not reach")

    def _ordered(self, addresses: tuple[Address, ...]) -> list[Address]:
        """IPv6 first where there is a way to it, as RFC 6724 has it; loopback in the order given."""
        now = asyncio.get_running_loop().time()
        if self._ipv6[0] <= now:
            self._ipv6 = (now + _OWN_S, has_ipv6_route())
        first = 6 if self._ipv6[1] else 4
        if not any(address.is_loopback for address in addresses):
            addresses = tuple(sorted(addresses, key=lambda address: address.version != first))
        return list(addresses[:_MAX_PINNED])


@lru_cache(maxsize=_KEPT_VERDICTS)
def _canonical(host: str, port: int) -> tuple[str, Address | None]:
    if not 0 < port < 65_536:
        raise NotResolvedError(f"{port} is no port")
    try:
        name = parse_host(host)
    except BadHostError as error:
        raise NotResolvedError(f"the host {host[:260]!r} {error}") from None
    return name, address_of(name)

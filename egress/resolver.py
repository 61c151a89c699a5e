"""Names to addresses, as the machine's files say, on the loop, never in an executor.

Twelve look-ups to a silent nameserver fill Python's default executor and hold up everything else for 20 s; here each
costs a socket and a timer. Nothing is cached: a check measures the look-up, and a pinned answer must be a fresh one.
"""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import structlog

from egress import wire
from egress.errors import NotResolvedError, ResolverSilentError
from egress.exchange import Replies, UdpExchange, ask_over_tcp
from egress.system import DNS_PORT, Nameserver, ResolverOptions, WatchedFile, parse_hosts, parse_resolv_conf
from model.addresses import Address

_LOOPBACK: tuple[Address, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
_DISTRUST_S = 30.0
"""How long a nameserver that said nothing is asked last."""
_FINAL = (wire.NOERROR, wire.NXDOMAIN)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """Every address a name has, A and AAAA; `dns_ms` from the first question to the last useful answer."""

    addresses: tuple[Address, ...]
    dns_ms: float


class Resolver:
    """Reads `resolv_conf` and `hosts` again whenever they change. `port`: where the nameservers listen."""

    def __init__(
        self,
        *,
        resolv_conf: Path = Path("/etc/resolv.conf"),
        hosts: Path = Path("/etc/hosts"),
        port: int = DNS_PORT,
    ) -> None:
        self._options = WatchedFile(resolv_conf, lambda text: parse_resolv_conf(text, port=port))
        self._hosts = WatchedFile(hosts, parse_hosts)
        self._silent_until: dict[Nameserver, float] = {}

    @property
    def options(self) -> ResolverOptions:
        """What resolv.conf says now."""
        return self._options.value

    async def look_up(self, name: str, deadline: float) -> Found:
        """The addresses of a canonical name (model.hosts) by `deadline` (loop time). Raises NotResolvedError when
        the name has none, ResolverSilentError when no nameserver answered."""
        started = time.perf_counter()
        bare = name.rstrip(".")
        local = self._hosts.value.get(bare)
        if local is None and (bare == "localhost" or bare.endswith(".localhost")):
            local = _LOOPBACK  # RFC 6761: never asked of a nameserver
        if local is not None:
            return Found(local, (time.perf_counter() - started) * 1000)
        options = self.options
        refused: NotResolvedError | None = None
        for candidate in options.candidates(name):
            try:
                addresses, finished = await self._ask(candidate, options, deadline)
            except NotResolvedError as error:
                # A server's failure is no answer: with a search list it outweighs the later "no such name".
                refused = refused if isinstance(refused, _ServerFailedError) else error
                continue
            return Found(addresses, (finished - started) * 1000)
        message = str(refused) if refused else f"{name} is not a name"
        raise NotResolvedError(message, dns_ms=(time.perf_counter() - started) * 1000)

    async def alive(self, deadline: float) -> bool:
        """Whether any nameserver answers at all (asked for the root): tells a dead resolver from a dead domain."""
        asked = b"\x00" + wire.A.to_bytes(2) + b"\x00\x01"
        loop = asyncio.get_running_loop()
        wait_s = max(deadline - loop.time(), 0.0)
        asking = [asyncio.create_task(self._exchange(loop, server, [asked], wait_s)) for server in self.by_trust(0.0)]
        try:
            for answer in asyncio.as_completed(asking):
                if (await answer)[0]:
                    return True
        finally:
            for task in asking:
                task.cancel()
        return False

    async def _ask(self, name: str, options: ResolverOptions, deadline: float) -> tuple[tuple[Address, ...], float]:
        """(the addresses, instant of the answer). Every nameserver is asked in turn, `attempts` times."""
        try:
            waiting = [wire.question(name, wire.A), wire.question(name, wire.AAAA)]
        except wire.MalformedError as error:
            raise NotResolvedError(f"{name} is not a name that DNS can hold: {error}") from None
        loop = asyncio.get_running_loop()
        answered: Replies = {}
        last_rcode: int | None = None
        finished = 0.0
        turns = [server for _ in range(options.attempts) for server in self.by_trust(loop.time())]
        for turn, server in enumerate(turns):
            left = deadline - loop.time()
            if left <= 0:
                break
            wait = min(options.timeout_s, left / (len(turns) - turn))
            exchange = self._exchange_tcp if options.use_tcp else self._exchange
            replies, at = await exchange(loop, server, waiting, wait)
            finished = at or finished
            for asked, reply in replies.items():
                last_rcode = reply.rcode
                if reply.rcode in _FINAL:
                    answered[asked] = reply
                    waiting.remove(asked)
            if not waiting or any(reply.addresses or reply.rcode == wire.NXDOMAIN for reply in answered.values()):
                break
        return _judged(name, answered, complete=not waiting, last_rcode=last_rcode), finished

    async def _exchange(
        self, loop: asyncio.AbstractEventLoop, server: Nameserver, asked: list[bytes], wait_s: float
    ) -> tuple[Replies, float]:
        """(what the server said in time, instant of its last word)."""
        started = loop.time()
        try:
            exchange = UdpExchange(loop, server, asked)
        except OSError as error:
            self._trust(server, False, loop.time())
            if error.errno != errno.ECONNREFUSED:
                _log.warning("resolver.socket_failed", nameserver=server.shown, reason=str(error))
            return {}, 0.0
        replies = await exchange.run(wait_s)
        self._trust(server, bool(replies), loop.time())
        cut_off = [question for question, reply in replies.items() if reply.truncated]
        if not cut_off:
            return replies, exchange.finished
        longer, finished = await self._exchange_tcp(loop, server, cut_off, wait_s - (loop.time() - started))
        for question in cut_off:
            del replies[question]
        return replies | longer, finished or exchange.finished

    async def _exchange_tcp(
        self, loop: asyncio.AbstractEventLoop, server: Nameserver, asked: list[bytes], wait_s: float
    ) -> tuple[Replies, float]:
        found = await asyncio.gather(*(ask_over_tcp(loop, server, question, wait_s) for question in asked))
        self._trust(server, any(found), loop.time())
        return {q: reply for q, reply in zip(asked, found, strict=True) if reply is not None}, time.perf_counter()

    def by_trust(self, now: float) -> list[Nameserver]:
        """The nameservers in the file's order, those lately silent last."""
        servers = self.options.nameservers
        if not self._silent_until:
            return list(servers)
        return sorted(servers, key=lambda server: self._silent_until.get(server, 0.0) > now)

    def _trust(self, server: Nameserver, answered: bool, now: float) -> None:
        if answered:
            self._silent_until.pop(server, None)
        else:
            if len(self._silent_until) > 64:
                self._silent_until.clear()
            self._silent_until[server] = now + _DISTRUST_S


class _ServerFailedError(NotResolvedError):
    """The nameservers answered, but not the question (SERVFAIL, REFUSED)."""


_RCODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}


def _judged(name: str, answered: Replies, *, complete: bool, last_rcode: int | None) -> tuple[Address, ...]:
    """The addresses, or the error that says why there are none."""
    addresses = tuple(address for reply in answered.values() for address in reply.addresses)
    if addresses:
        return addresses
    if last_rcode is None:
        raise ResolverSilentError(f"no nameserver answered the question for {name}")
    if any(reply.rcode == wire.NXDOMAIN for reply in answered.values()):
        raise NotResolvedError(f"the name {name} does not exist (NXDOMAIN)")
    if complete:
        raise NotResolvedError(f"the name {name} has no address (neither A nor AAAA record)")
    said = _RCODES.get(last_rcode, f"code {last_rcode}") if last_rcode else "only half of the question"
    raise _ServerFailedError(f"the nameservers could not answer for {name} ({said})")

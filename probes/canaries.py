"""Is it them, or is it us? Before a probe reports that a target can't be reached, it makes sure that anything can.

A failure to connect, to resolve or to answer in time is the target's only if this probe's network worked at that
moment. Proof is a success of its own that began after the failing attempt did; without one, canaries are asked, in
rounds that all concurrent failures share and that hold up nobody else. All that ever answered are silent now: the run
is `unknown`, not `failed`. So it is if they were silent when last asked and are heard again only after the attempt has
ended: whether the network was back by then nobody can say. None ever answered (a closed network): the guard is off,
says so, and failures are reported as they are, since calling every outage unknown would be the greater lie.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from egress.errors import EgressError
from egress.resolver import Resolver
from model.errors import ErrorCode
from model.outcome import Outcome, RunError, RunStatus
from probes.admission import is_loopback
from probes.attempts import Execution
from probes.rounds import Rounds
from probes.soundings import (
    ANSWER_WITHIN_S,
    Canary,
    WorkedHosts,
    domain_of,
    gateways,
    is_literal,
    is_private,
    is_public,
    parse_canary,
    reached,
)

_ASKED = 3
_WORKED_ASKED = 4
_UNRELATED_ENOUGH = 3
"""So many unrelated public hosts that worked within the hour don't all fail by themselves at once: the way out is gone,
even if the gateway still answers."""
_RECENT_S = 1.0
_SLOW_S = 2.0
"""An attempt without an answer for this long makes the guard look while it waits: a network that is back by the time
the attempt ends would hide that it was gone."""
_NOTE_EVERY_S = 0.02
_LOOK_EVERY_S = 60.0
_REMEMBER_S = 24 * 3_600
_RESOLVERS = Canary("resolvers", (53,))
_UNREACHED = frozenset({ErrorCode.CONNECT_TIMEOUT, ErrorCode.CONNECT_FAILED, ErrorCode.TIMEOUT})
_log = structlog.get_logger(__name__)


class NetworkGuard:
    """`memory`: a file that keeps which canaries ever answered (for a day), so that a probe which starts into a dead
    network knows it. `route_table`: the kernel's, for the gateways."""

    def __init__(
        self,
        configured: Sequence[str],
        resolver: Resolver,
        memory: Path,
        route_table: Path = Path("/proc/net/route"),
    ) -> None:
        """Raises BadCanaryError."""
        self._configured = [parse_canary(text) for text in configured][:_ASKED]
        self._resolver = resolver
        self._memory = memory
        self._route_table = route_table
        self._worked = WorkedHosts()
        self._ever_reached = _recall(memory)
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._network = Rounds(self._sound_network)
        self._names = Rounds(self._sound_names)
        self._success_began = self._private_success_began = self._name_success_began = float("-inf")
        self._armed = False
        self._noted_until = float("-inf")
        self._dead_at = float("-inf")
        self._back_at = self._names_back_at = float("-inf")
        """Since when something has been heard again after all was silent; infinity while it is."""
        self._watching: asyncio.Task[None] | None = None

    @property
    def self_check(self) -> str:
        """`on` while there is a canary that answers, or did within a day; `off`: failures are taken at their word."""
        return "on" if self._armed else "off"

    def passed(self, execution: Execution, outcome: Outcome) -> None:
        """A run succeeded: from its beginning on the way to its target was there. Of many at once, one is enough."""
        if execution.tried_at < self._noted_until:
            return
        target = execution.definition.target
        if is_loopback(target):
            return
        self._noted_until = execution.tried_at + _NOTE_EVERY_S
        self._back_at = min(self._back_at, execution.ended_at)
        said = (outcome.response or {}).get("remote_ip")
        address = said if isinstance(said, str) else None
        if is_private(address or target):
            self._private_success_began = max(self._private_success_began, execution.tried_at)
        else:
            self._success_began = max(self._success_began, execution.tried_at)
        # What a dns check finds is perhaps no address, or what a nameserver of its own says: no name to look up again.
        asked = "rcode" in (outcome.response or {})
        looked_up = not asked and outcome.metrics.dns_ms is not None and outcome.metrics.connect_ms is not None
        if looked_up:
            self._name_success_began = max(self._name_success_began, execution.tried_at)
            self._names_back_at = min(self._names_back_at, execution.ended_at)
        self._worked.note(target, address, execution.definition.port, looked_up=looked_up)

    def doubts(self, execution: Execution, outcome: Outcome) -> bool:
        """Whether a failure may be this probe's own, so that canaries must be asked. A refused connection never is:
        the host has answered. Nor is anything on loopback: there is no network in between. Nor what a nameserver says
        that the check names: it is the target, and this probe's own resolvers have no part in it."""
        code = "" if outcome.error is None else outcome.error.code
        if is_loopback(execution.definition.target) or outcome.status is not RunStatus.FAILED:
            return False
        if code in _UNREACHED:
            proof = self._success_began
            if is_private(execution.definition.target):
                proof = max(proof, self._private_success_began)
            return self._dead_at >= execution.tried_at or proof < _moment(execution)
        if code != ErrorCode.DNS_FAILURE or getattr(execution.definition.check, "nameserver", None) is not None:
            return False
        return self._name_success_began < _moment(execution)

    async def judge(self, execution: Execution, outcome: Outcome) -> Outcome:
        """The outcome, or `unknown` in its place if this probe could not have measured anything."""
        target = execution.definition.target
        if outcome.error is not None and outcome.error.code == ErrorCode.DNS_FAILURE:
            resolved = await self._names.since(_moment(execution))
            self._names_back_at = _back_at(self._names_back_at, dead=_names_dead(resolved, target))
            if execution.ended_at < self._names_back_at:
                return _unknown(outcome, ErrorCode.RESOLVER_UNAVAILABLE, "no name can be resolved from this probe")
            return outcome
        if self._dead_at < execution.tried_at:
            answers = await self._network.since(_moment(execution))
            self._network_dead(answers, target)
            if execution.ended_at >= self._back_at:
                return outcome
        return _unknown(outcome, ErrorCode.NETWORK_UNAVAILABLE, "nothing can be reached from this probe")

    def tick(self, now: float, oldest_attempt: float | None) -> None:
        """Called often, with the beginning of the oldest attempt in flight. Looks once a minute, to know what answers
        while all is well, and more often while an attempt hangs and nothing else succeeds."""
        if self._watching is not None:
            return
        since_look = now - self._network.began_at
        hanging = oldest_attempt is not None and now - oldest_attempt > _SLOW_S and now - self._success_began > _SLOW_S
        if since_look > _LOOK_EVERY_S or (hanging and since_look > _SLOW_S):
            self._watching = asyncio.ensure_future(self._look(now))
            self._watching.add_done_callback(self._looked)

    async def stop(self) -> None:
        """Nothing is being asked afterwards."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._network.stop()
        await self._names.stop()

    async def _look(self, now: float) -> None:
        self._network_dead(await self._network.since(now), "")

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._watching = None
        if not task.cancelled() and task.exception() is not None:
            _log.error("guard.look_failed", exc_info=task.exception())

    async def _sound_network(self) -> dict[Canary, bool]:
        """What answered and what did not, of all that ever answered."""
        asked = self._configured or [*gateways(self._route_table)[:1], *self._worked.places(_WORKED_ASKED), _RESOLVERS]
        answers = await asyncio.gather(*(self._reached(canary) for canary in asked))
        self._remember([canary for canary, answered in zip(asked, answers, strict=True) if answered])
        found = {
            canary: answered
            for canary, answered in zip(asked, answers, strict=True)
            if canary.worked or canary.label in self._ever_reached
        }
        self._armed = bool(found)
        return found

    async def _sound_names(self) -> dict[str, bool]:
        """Which names that resolved within the hour still do."""
        names = self._worked.names(_ASKED)
        answers = await asyncio.gather(*(self._resolves(name) for name in names))
        return dict(zip(names, answers, strict=True))

    async def _reached(self, canary: Canary) -> bool:
        """A canary given by name is looked up while it can be, and asked at its last known addresses. A resolver on
        this very machine proves nothing about the way out of it."""
        if canary is _RESOLVERS:
            servers = self._resolver.options.nameservers
            if any(is_loopback(server.shown) for server in servers):
                return False
            return await self._resolver.alive(asyncio.get_running_loop().time() + ANSWER_WITHIN_S)
        if is_literal(canary.host):
            return await reached(canary, (canary.host,))
        await self._resolves(canary.host)
        return await reached(canary, self._addresses.get(canary.host, ()))

    async def _resolves(self, name: str) -> bool:
        try:
            found = await self._resolver.look_up(name, asyncio.get_running_loop().time() + ANSWER_WITHIN_S)
        except EgressError:
            return False
        self._addresses[name] = tuple(str(address) for address in found.addresses)
        return True

    def _network_dead(self, answers: dict[Canary, bool], target: str) -> bool:
        """Whether all that ever answered is silent, the failing target and its neighbours aside; kept as a fact about
        this moment."""
        near = self._worked.network(target)
        known = {
            canary: answered
            for canary, answered in answers.items()
            if canary.host != target and not (canary.worked and canary.network == near)
        }
        public = [answered for canary, answered in known.items() if canary.worked and is_public(canary.host)]
        dead = bool(known) and not any(known.values())
        dead = dead or (len(public) >= _UNRELATED_ENOUGH and not any(public))
        if dead:
            if self._dead_at < self._network.began_at:
                _log.warning("probe.network_dead", asked=[canary.label for canary in known])
            self._dead_at = self._network.began_at
        self._back_at = _back_at(self._back_at, dead=dead)
        return dead

    def _remember(self, answered: Sequence[Canary]) -> None:
        now = time.time()
        news = [c.label for c in answered if not c.worked and now - self._ever_reached.get(c.label, 0) > 3_600]
        if not news:
            return
        self._ever_reached.update(dict.fromkeys(news, now))
        try:
            self._memory.write_bytes(msgspec.json.encode(self._ever_reached))
        except OSError as error:
            _log.warning("guard.memory_not_written", reason=str(error))


def _moment(execution: Execution) -> float:
    """The beginning of the time that proof must come from: the attempt's last second."""
    return max(execution.tried_at, execution.ended_at - _RECENT_S)


def _back_at(before: float, *, dead: bool) -> float:
    """What is known of the end of a silence after another round."""
    return float("inf") if dead else min(before, time.monotonic())


def _names_dead(resolved: dict[str, bool], target: str) -> bool:
    others = [answered for name, answered in resolved.items() if domain_of(name) != domain_of(target)]
    return bool(others) and not any(others)


def _unknown(outcome: Outcome, code: ErrorCode, reason: str) -> Outcome:
    before = "" if outcome.error is None else f" (it looked like {outcome.error.code}: {outcome.error.message})"
    return msgspec.structs.replace(outcome, status=RunStatus.UNKNOWN, error=RunError(code, reason + before))


def _recall(memory: Path) -> dict[str, float]:
    try:
        known = msgspec.json.decode(memory.read_bytes(), type=dict[str, float])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("guard.memory_unreadable", reason=str(error))
        return {}
    return {label: at for label, at in known.items() if at > time.time() - _REMEMBER_S}

"""The head of a check's page, a monitor's or a journey's: how it stands and since when, how often it runs, its uptime,
whether it is muted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.book import quiet_of, windows_at
from alerts.payload import target_of
from api.definitions import defaults_of
from api.pages.check_deeds import FOR_EVER_MS
from api.pages.configuration import every
from api.pages.gate import visitor
from api.pages.standing import Answer, answer
from api.pages.words import NOTHING
from api.services import services
from model.times import DAY_MS, parse_iso
from store.location_states import states_of_checks
from store.probes import online_locations
from store.rollups import rested_at
from store.runs import Entry, RunFilter, list_runs
from store.silences import list_silences
from store.tables import Check, LocationState

_MOST_SILENCES = 100
_WINDOWS = (("24h", "24 hours", DAY_MS), ("7d", "7 days", 7 * DAY_MS), ("30d", "30 days", 30 * DAY_MS),
            ("90d", "90 days", 90 * DAY_MS))  # fmt: skip


@dataclass(frozen=True)
class Uptime:
    """Of one window; empty texts with nothing measured."""

    word: str
    percent: str
    measured: str
    worst: str


@dataclass(frozen=True)
class Head:
    """`states`: as they were measured. `target`: None where it has no one address. `muted_ms`: until when nobody is
    told of it; None when that is over, or never was. `silenced_ms`: the same by a silence that covers it."""

    answer: Answer
    states: Sequence[LocationState]
    heading: str
    target: str | None
    every: str
    uptimes: Sequence[Uptime]
    muted_ms: int | None
    silenced_ms: int | None

    @property
    def muted_for_ever(self) -> bool:
        return self.muted_ms is not None and self.muted_ms >= FOR_EVER_MS


def head_of(session: Session, check: Check, now_ms: int) -> Head:
    state, organization_id = services(), visitor().caller.organization_id
    states = states_of_checks(session, [check.id])[check.id]
    tags = check.definition.get("tags") or ()
    resting = [each for each in windows_at(session, organization_id, now_ms) if each.apply_to.covers(check.id, tags)]
    found, _ = list_silences(session, now_ms, status="active", page=(0, _MOST_SILENCES))
    silences = [each for each in map(quiet_of, found) if each.match.covers(check.id, tags)]
    stands = answer(
        check, states, _lately(session, check, states, now_ms), online_locations(session, now_ms), now_ms,
        maintenance=[window.name for window in resting],
    )  # fmt: skip
    rested_ms = rested_at(session, check.id)
    stats = state.recent_stats.of(session, [check.id], now_ms)[check.id]
    return Head(
        answer=stands,
        states=states,
        heading=f"{check.name} {stands.sentence}",
        target=target_of(check.definition),
        every=every({**defaults_of(check.type), **check.definition}),
        uptimes=[
            _uptime(word, name, stats, now_ms - check.created_ms, window_ms, rested=rested_ms > now_ms - window_ms)
            for name, word, window_ms in _WINDOWS
        ],
        muted_ms=_muted_until(check, now_ms),
        silenced_ms=max((each.ends_ms for each in silences), default=None),
    )


def _lately(session: Session, check: Check, states: Sequence[LocationState], now_ms: int) -> Sequence[Entry]:
    """Its newest run or gap, which says why it is not measured; nothing while it is."""
    if any((state.fresh_until_ms or 0) > now_ms for state in states):
        return ()
    return list_runs(session, check.id, RunFilter(), page=1, per_page=1).entries


def _uptime(
    word: str, name: str, stats: Mapping[str, float | None], age_ms: int, window_ms: int, *, rested: bool
) -> Uptime:
    """`rested`: runs of that time were left out for maintenance."""
    uptime, coverage, floor = (
        stats[f"{what}_{name}{end}"] for what, end in (("uptime", ""), ("coverage", ""), ("uptime", "_floor"))
    )
    if coverage is None:
        return Uptime(word, NOTHING, "all of it in maintenance" if rested else "nothing was due", "")
    measured = "all measured" if coverage == 100 else f"{coverage:g} % measured"
    if age_ms < window_ms:
        measured = f"{measured} since it was made"
    if rested:
        measured = f"{measured}, maintenance left out"
    worst = f"at worst {floor:g} %" if floor is not None and coverage < 100 else ""
    return Uptime(word, NOTHING if uptime is None else f"{uptime:g} %", measured, worst)


def _muted_until(check: Check, now_ms: int) -> int | None:
    until = check.definition.get("muted_until")
    until_ms = parse_iso(until) if until else None
    return until_ms if until_ms is not None and until_ms > now_ms else None

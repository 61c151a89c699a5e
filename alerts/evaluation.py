"""When alerts open and resolve: a fold over measured runs in the order they were due. No I/O, no clock in this file.

    evaluate(state, point, rules, facts) -> events and decisions; the state is the caller's and is brought up to date

The same function judges live results, tells what a rule would have done last week, and explains why nobody was told
(R12). A state is a function of the points it has seen, so results that come late are judged by folding again from the
first of them: whatever order they came in, the alerts are the same in the end.

Votes are per location (CONTRACT, "Votes"). A location votes by its rule's type while its last measured run is fresh; a
confirming run's verdict is its location's vote until its next scheduled run ends. A rule fires when a location has just
voted down and, of the locations that can measure, at least `min_locations` (or all, if they are fewer) do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from alerts.rules.base import Vote
from alerts.state import CheckState, Facts, Opened, Rearm, Rule, RuleState, Stream
from alerts.votes import (
    MOST_RUNS,
    fresh_locations,
    newly_down,
    proof,
    recovered,
    vote_of,
    voted_at,
    what_was_found,
)
from model.points import Point

REARM_MS = 3_600_000
"""After somebody resolved an alert by hand, its rule is quiet until the first good run, or for so long."""


class Confirm(msgspec.Struct, frozen=True):
    """A location has voted down and others must agree: these are to be asked now."""

    rule_id: str
    locations: tuple[str, ...]


class Decision(msgspec.Struct, frozen=True):
    """Why a failing run did or did not raise an alert by a rule: triggered, joined, not_met or maintenance."""

    rule_id: str
    run_id: str
    at_ms: int
    outcome: str
    detail: str


class Judged(msgspec.Struct, frozen=True):
    """What one point has led to. Alerts that opened or ended are in the state."""

    decisions: tuple[Decision, ...] = ()
    confirms: tuple[Confirm, ...] = ()


def remember(state: CheckState, point: Point, keep_runs: int, keep_ms: int) -> None:
    """Take a point into the history without judging it. What no rule looks at any more is forgotten."""
    stream = state.streams.setdefault(point.location, Stream())
    if point.confirm:
        stream.confirm = point
        return
    stream.newest, stream.confirm = point, None
    if point.maintenance and point.failed:
        return  # a planned outage is no evidence
    history = stream.history
    history.append(point)
    if len(history) > 2 * keep_runs + 1 and history[0].at_ms < point.at_ms - 2 * keep_ms:
        first = next((at for at, old in enumerate(history) if old.at_ms > point.at_ms - keep_ms), len(history))
        del history[: min(first, len(history) - keep_runs - 1)]  # and one more: was it so before the newest?


def evaluate(state: CheckState, point: Point, rules: Sequence[Rule], facts: Facts) -> Judged:
    """Judge one point, later in order than all that `state` has seen."""
    if not facts.judges(point):
        return Judged()
    for rule in rules:
        close_until(state, rule, point.ended_ms)
        if not rule.definition.by_results:
            tick(state, point.at_ms, (rule,), facts)
    keep_runs = max((rule.definition.memory().runs for rule in rules), default=1)
    keep_ms = max((rule.definition.memory().window_ms for rule in rules), default=0)
    remember(state, point, keep_runs, keep_ms)
    decisions: list[Decision] = []
    confirms: list[Confirm] = []
    for rule in rules:
        if point.at_ms < rule.since_ms:
            continue
        decided, asked = _judge(state, point, rule, facts)
        decisions += decided
        confirms += asked
    return Judged(tuple(decisions), tuple(confirms))


def tick(state: CheckState, now_ms: int, rules: Iterable[Rule], facts: Facts) -> None:
    """Let time pass: rules that fire by silence do so at the instant at which it has lasted long enough."""
    for rule in rules:
        silence = getattr(rule.definition, "window", None)
        if rule.definition.by_results or silence is None:
            continue
        close_until(state, rule, now_ms)
        own = state.rules.setdefault(rule.id, RuleState())
        deadlines = silence_deadlines(state, rule, facts)
        due = sorted((at_ms, location) for location, at_ms in deadlines.items() if at_ms <= now_ms)
        opened = own.opened
        needed = min(rule.definition.min_locations, len(facts.locations))
        if opened is not None:
            for at_ms, location in due:
                opened.votes.setdefault(location, at_ms)
        elif len(due) >= needed >= 1 and not _quiet(own, now_ms):
            at_ms = max(due[needed - 1][0], rule.since_ms)
            silent = [location for when, location in due if when <= at_ms]
            own.alerts.append(
                Opened(
                    rule_id=rule.id, at_ms=at_ms, triggered_ms=at_ms, needed=needed, fresh=len(facts.locations),
                    votes=dict.fromkeys(silent, at_ms), run_ids=[],
                    cause=f"{rule.definition.finding(())} at {_listed(silent)}",
                )
            )  # fmt: skip


def silence_deadlines(state: CheckState, rule: Rule, facts: Facts) -> dict[str, int]:
    """When each location will have been silent for too long, if nothing is measured until then."""
    window_ms = 1000 * int(getattr(rule.definition, "window", 0))
    deadlines = {}
    for location in facts.locations:
        stream = state.streams.get(location)
        newest = stream.newest if stream is not None else None
        heard_ms = newest.ended_ms if newest is not None else 0
        deadlines[location] = max(heard_ms, facts.since_ms) + window_ms
    return deadlines


def close_until(state: CheckState, rule: Rule, until_ms: int) -> None:
    """Apply what people and edits have ended by then."""
    own = state.rules.setdefault(rule.id, RuleState())
    while own.closings and own.closings[0].at_ms <= until_ms:
        closing = own.closings.pop(0)
        opened = own.opened
        if opened is not None:
            opened.closed_ms = closing.at_ms
            own.rearm = Rearm(closing.at_ms, tuple(opened.votes)) if closing.by_hand else None


def _judge(state: CheckState, point: Point, rule: Rule, facts: Facts) -> tuple[list[Decision], list[Confirm]]:
    definition, own = rule.definition, state.rules.setdefault(rule.id, RuleState())
    opened = own.opened
    if own.rearm is not None and point.location in own.rearm.locations and definition.good(point) and not point.confirm:
        own.rearm = None
    if point.maintenance and point.failed:
        return [Decision(rule.id, point.run_id, point.at_ms, "maintenance", "in a maintenance window")], []
    votes = {location: vote_of(state, location, rule, facts) for location in fresh_locations(state, point.at_ms, facts)}
    voted_down = votes.get(point.location) is Vote.DOWN
    if opened is None:
        return (
            _fire(state, own, point, rule, votes)
            if voted_down
            else (_not_met(point, rule, _so_far(state, point, rule)), [])
        )
    if voted_down:
        opened.votes.setdefault(point.location, point.at_ms)
    of_its_kind = voted_down or definition.concerns(point)
    if of_its_kind and len(opened.run_ids) < MOST_RUNS and point.run_id not in opened.run_ids:
        opened.run_ids.append(point.run_id)
    left = [location for location in opened.votes if not recovered(state, location, rule, facts)]
    if len(left) < opened.needed:
        opened.ended_by = point
    if of_its_kind and point.failed:
        return [Decision(rule.id, point.run_id, point.at_ms, "joined", "the alert was open already")], []
    return _not_met(point, rule, f"it says nothing about {definition.type}"), []


def _fire(
    state: CheckState, own: RuleState, point: Point, rule: Rule, votes: dict[str, Vote]
) -> tuple[list[Decision], list[Confirm]]:
    """The location of this point votes down: enough, or others must be asked."""
    definition = rule.definition
    down = [location for location, vote in votes.items() if vote is Vote.DOWN]
    needed = min(definition.min_locations, len(votes))
    if _quiet(own, point.ended_ms):
        return _not_met(point, rule, "it was resolved by hand, and there was no good run since"), []
    if len(down) < needed:
        others = tuple(location for location in votes if location not in down)
        newly = newly_down(state, point, rule)
        asked = [Confirm(rule.id, others)] if newly and not point.confirm else []
        return _not_met(point, rule, f"{len(down)} of {len(votes)} locations say so, {needed} are needed"), asked
    wanted = definition.min_locations
    short = f"; {len(down)} of {len(votes)} that could measure, {wanted} wanted" if needed < wanted else ""
    found = what_was_found(state, point, down, rule)
    own.alerts.append(
        Opened(
            rule_id=rule.id, at_ms=point.at_ms, triggered_ms=point.ended_ms, needed=needed, fresh=len(votes),
            votes={location: voted_at(state, location, point) for location in down},
            run_ids=proof(state, down, rule), cause=f"{found} at {_listed(down)}{short}",
        )
    )  # fmt: skip
    outcome = Decision(rule.id, point.run_id, point.at_ms, "triggered", f"{found} at {_listed(down)}{short}")
    return [outcome], []


def _quiet(own: RuleState, now_ms: int) -> bool:
    return own.rearm is not None and now_ms < own.rearm.at_ms + REARM_MS


def _not_met(point: Point, rule: Rule, why: str) -> list[Decision]:
    if not point.failed:
        return []
    return [Decision(rule.id, point.run_id, point.at_ms, "not_met", why)]


def _so_far(state: CheckState, point: Point, rule: Rule) -> str:
    stream = state.streams.get(point.location)
    return rule.definition.so_far(stream.history if stream is not None else ())


def _listed(names: Sequence[str]) -> str:
    ordered = sorted(names)
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} and {ordered[-1]}"

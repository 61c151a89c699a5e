"""What each location says, by the rule's type and what is remembered of it: who votes, how, and by which runs."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.rules.base import Vote
from alerts.state import CheckState, Facts, Rule
from model.points import Point

MOST_RUNS = 20
"""Runs kept on an alert as its proof."""


def fresh_locations(state: CheckState, at_ms: int, facts: Facts) -> list[str]:
    """The locations that can measure: those whose last measured run still counts."""
    found = []
    for location in facts.locations:
        stream = state.streams.get(location)
        if stream is None:
            continue
        newest = stream.confirm or stream.newest
        if newest is not None and newest.fresh_until_ms > at_ms:
            found.append(location)
    return found


def vote_of(state: CheckState, location: str, rule: Rule, facts: Facts) -> Vote:
    stream, own = state.streams[location], state.rules[rule.id]
    if stream.confirm is not None:
        return Vote.DOWN if rule.definition.concerns(stream.confirm) else Vote.UP
    if not stream.history:
        return Vote.UNDECIDED
    was_down = own.opened is not None and location in own.opened.votes
    return rule.definition.vote(stream.history, interval_ms=facts.interval_ms, was_down=was_down)


def recovered(state: CheckState, location: str, rule: Rule, facts: Facts) -> bool:
    """Whether a location that voted down has shown enough good runs since."""
    own = state.rules[rule.id]
    stream = state.streams.get(location)
    if own.opened is None or stream is None:
        return False
    since_ms, good = own.opened.votes[location], 0
    for point in reversed(stream.history):
        if point.at_ms <= since_ms or not rule.definition.good(point):
            break
        good += 1
    if good < rule.definition.recovery_threshold:
        return False
    vote = rule.definition.vote(stream.history, interval_ms=facts.interval_ms, was_down=True)
    return vote is not Vote.DOWN


def newly_down(state: CheckState, point: Point, rule: Rule) -> bool:
    """Whether the run before this one did not vote down yet: others are asked once, not after each failure."""
    before = state.streams[point.location].history[:-1]
    if not before:
        return True
    return rule.definition.vote(before, interval_ms=None, was_down=False) is not Vote.DOWN


def what_was_found(state: CheckState, point: Point, down: Sequence[str], rule: Rule) -> str:
    """What was found, told from the history of a location that has one: a confirming run only agrees."""
    by_history = [location for location in down if state.streams[location].confirm is None]
    if by_history:
        first = point.location if point.location in by_history else min(by_history)
        return rule.definition.finding(state.streams[first].history)
    return point.error_message or point.error_code or rule.definition.state_word


def voted_at(state: CheckState, location: str, point: Point) -> int:
    stream = state.streams[location]
    voted = stream.confirm or stream.newest
    return voted.at_ms if voted is not None else point.at_ms


def proof(state: CheckState, down: Sequence[str], rule: Rule) -> list[str]:
    """The runs by which these locations voted down, oldest first."""
    points: list[Point] = []
    memory = rule.definition.memory()
    for location in down:
        stream = state.streams[location]
        if stream.confirm is not None:
            points.append(stream.confirm)
        since_ms = stream.history[-1].at_ms - memory.window_ms if stream.history else 0
        looked_at = (
            seen
            for at, seen in enumerate(stream.history, start=1)
            if at > len(stream.history) - memory.runs or seen.at_ms > since_ms
        )
        points += [seen for seen in looked_at if rule.definition.concerns(seen)]
    ordered = sorted(points, key=lambda point: point.order)
    return [point.run_id for point in ordered[-MOST_RUNS:]]

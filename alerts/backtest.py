"""What a rule would have done: the live function (alerts/evaluation.py) over stored runs."""

from __future__ import annotations

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.channels.registry import CHANNELS
from alerts.evaluation import evaluate, remember, tick
from alerts.judging import facts_of, wants_certificates
from alerts.rules.base import RuleDefinition
from alerts.state import CheckState, Opened, Rule, RuleState
from store.coverage import channel_rows
from store.points import points_before, points_from
from store.tables import Check

SINGLY, DIGEST_MS = 5, 30_000
"""In a storm so many notices go singly within the time, then one digest for it."""


class WouldAlert(msgspec.Struct, frozen=True):
    """An alert that would have been. `resolved_ms` None: it would still be open."""

    check_id: str
    triggered_ms: int
    resolved_ms: int | None
    run_ids: tuple[str, ...]


class Backtest(msgspec.Struct, frozen=True):
    """`notices`: how many each channel would have got. `left_out`: runs that say nothing, since their check asks
    something else by now, or no longer from their location."""

    alerts: tuple[WouldAlert, ...]
    notices: dict[str, int]
    left_out: int = 0


def backtest(session: Session, organization_id: str, definition: RuleDefinition, from_ms: int, to_ms: int) -> Backtest:
    """Fold the runs due in [from_ms, to_ms) of every check that the rule covers, with what came before as its past. In
    a session of EVERY_ORGANIZATION. Checks are judged as they are now: an edit since then counts as if it had always
    been, except that runs of another target say nothing."""
    rule = Rule("rule_backtest", from_ms, definition)
    wanted = select(Check).where(Check.organization_id == organization_id, Check.deleted_ms.is_(None))
    alerts: list[WouldAlert] = []
    left_out = 0
    for check in session.scalars(wanted.order_by(Check.id)):
        if definition.apply_to.covers(check.id, check.definition.get("tags") or ()):
            found, silent = _of_check(session, check, rule, from_ms, to_ms)
            alerts += found
            left_out += silent
    alerts.sort(key=lambda alert: (alert.triggered_ms, alert.check_id))
    instants = sorted(at_ms for alert in alerts for at_ms in _told_at(alert, definition.reminder_interval, to_ms))
    types = {row.id: row.type for row in channel_rows(session, definition.channels).values()}
    per_channel = {
        channel_id: _notices(instants) if _in_digests(types.get(channel_id)) else len(instants)
        for channel_id in definition.channels
    }
    return Backtest(tuple(alerts), per_channel, left_out)


def _in_digests(channel_type: str | None) -> bool:
    return channel_type is None or CHANNELS[channel_type].in_digests


def _of_check(session: Session, check: Check, rule: Rule, from_ms: int, to_ms: int) -> tuple[list[WouldAlert], int]:
    """Its alerts, and how many of its runs say nothing."""
    facts, memory = facts_of(check), rule.definition.memory()
    state, certificates = CheckState(), wants_certificates((rule,))
    before = points_before(
        session, check.id, facts.locations, from_ms, memory.runs, memory.window_ms, certificates=certificates
    )
    for point in before:
        if facts.judges(point):
            remember(state, point, memory.runs, memory.window_ms)
    left_out = 0
    for point in points_from(session, check.id, from_ms, to_ms, certificates=certificates):
        left_out += not facts.judges(point)
        evaluate(state, point, (rule,), facts)
    if check.status != "paused":
        tick(state, to_ms, (rule,), facts)
    judged = state.rules.get(rule.id, RuleState())
    return [_would(check.id, opened) for opened in judged.alerts], left_out


def _would(check_id: str, opened: Opened) -> WouldAlert:
    ended_ms = None if opened.ended_by is None else opened.ended_by.ended_ms
    return WouldAlert(check_id, opened.triggered_ms, ended_ms, tuple(opened.run_ids))


def _told_at(alert: WouldAlert, reminder_s: int | None, to_ms: int) -> list[int]:
    """When somebody would have been told: of the beginning, by reminders, of the end."""
    told = [alert.triggered_ms]
    if reminder_s is not None:
        told += range(alert.triggered_ms + reminder_s * 1000, alert.resolved_ms or to_ms, reminder_s * 1000)
    return told if alert.resolved_ms is None else [*told, alert.resolved_ms]


def _notices(instants: list[int]) -> int:
    """How many messages a channel makes of these events, with digests in a storm."""
    sent: list[int] = []
    for at_ms in instants:
        recent = [when for when in sent[-SINGLY:] if when > at_ms - DIGEST_MS]
        if len(recent) < SINGLY:
            sent.append(at_ms)
        elif sent[-1] <= at_ms:  # the digest that is still to come tells of it
            sent.append(sent[-SINGLY] + DIGEST_MS)
    return len(sent)

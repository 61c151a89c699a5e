"""Heartbeats in the database: pings applied and deadlines found, each under its row's lock.

The rules are pure (model/heartbeat.py); what ends a period is handed to the caller, who gives it to `alerts.record`
in the same transaction. All of it runs in sessions of EVERY_ORGANIZATION.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy.orm import Session

from model.finished import Finished
from model.heartbeat import (
    FRESH_MS,
    KEPT_BODY_BYTES,
    LOCATION,
    HeartbeatRule,
    HeartbeatRun,
    HeartbeatState,
    Signal,
    overdue,
    receive,
)
from model.ids import slot_run_id
from model.outcome import RunStatus
from store.service_clock import service
from store.statements import from_json, rows, run

MOST_MISSED = 100
"""Missed periods of one heartbeat settled in one transaction: the rest follow in the next."""
_log = structlog.get_logger(__name__)
_STATE = "h.deadline_ms, h.started_ms, h.last_ping_ms, h.last_run_ms, h.last_status, h.period_end_ms"
_SELECT = (
    f"SELECT c.organization_id, c.id, c.version, c.definition, c.status, {_STATE} FROM heartbeats h "  # noqa: S608
    "JOIN checks c ON c.id = h.check_id WHERE c.deleted_ms IS NULL AND "
)
_BY_TOKEN = f"{_SELECT} h.token_hash = ? FOR UPDATE OF h"
_OVERDUE = (
    f"{_SELECT} c.status = 'active' AND h.deadline_ms < ? ORDER BY h.deadline_ms, h.check_id LIMIT ? "
    "FOR UPDATE OF h SKIP LOCKED"
)
_KEEP = (
    "UPDATE heartbeats SET deadline_ms = ?, started_ms = ?, last_ping_ms = ?, last_run_ms = ?, last_status = ?, "
    "period_end_ms = ? WHERE check_id = ?"
)


class _Waiting(msgspec.Struct):
    """One heartbeat, locked."""

    organization_id: str
    check_id: str
    version: int
    rule: HeartbeatRule
    paused: bool
    state: HeartbeatState


class Pinged(msgspec.Struct):
    """What a ping was for. `finished`: the runs it ends, to be recorded in this transaction."""

    organization_id: str
    check_id: str
    finished: list[Finished]


def ping(session: Session, token_hash: str, signal: Signal, now_ms: int, body: bytes = b"") -> Pinged | None:
    """Apply one call of a ping address; None when no heartbeat has this token. Deadlines that passed before it are
    settled first, so a late ping finds its period missed. Give `finished` to `alerts.record`, then commit."""
    waiting = _one(rows(session, _BY_TOKEN, token_hash))
    if waiting is None:
        return None
    if body:
        kept = body[:KEPT_BODY_BYTES]
        run(session, "UPDATE heartbeats SET body = ? WHERE check_id = ?", kept, waiting.check_id)
    if waiting.paused:
        _keep(session, waiting.check_id, msgspec.structs.replace(waiting.state, last_ping_ms=now_ms))
        return Pinged(waiting.organization_id, waiting.check_id, [])
    state, runs = _settled(waiting, now_ms, service(session).serving_since_ms)
    if state.deadline_ms is not None and state.deadline_ms < now_ms:  # too far behind to list: this ping begins anew
        state = msgspec.structs.replace(state, deadline_ms=waiting.rule.expected_from(now_ms))
    state, heard = receive(waiting.rule, state, signal, now_ms)
    finished = [_finished(waiting, missed, b"") for missed in runs]
    if heard is not None:
        finished.append(_finished(waiting, heard, body[:KEPT_BODY_BYTES]))
    _keep(session, waiting.check_id, state)
    return Pinged(waiting.organization_id, waiting.check_id, finished)


def anything_overdue(session: Session, now_ms: int) -> bool:
    """Whether `settle_overdue` may find something: a look before the write it takes."""
    return bool(rows(session, _OVERDUE, now_ms, 1))


def settle_overdue(session: Session, now_ms: int, most: int) -> list[Finished]:
    """Settle the deadlines that lie before `now_ms`, of up to `most` heartbeats; the runs they end, to be recorded in
    this transaction. Nothing while the API is away: its return moves them."""
    known = service(session)
    if not known.serving(now_ms):
        return []
    finished: list[Finished] = []
    for row in rows(session, _OVERDUE, now_ms, most):
        waiting = _one([row])
        if waiting is None:
            _keep(session, row[1], HeartbeatState())  # it can't be judged; its next ping begins anew
            continue
        state, runs = _settled(waiting, now_ms, known.serving_since_ms)
        finished += [_finished(waiting, missed, b"") for missed in runs]
        _keep(session, waiting.check_id, state)
    return finished


def _settled(waiting: _Waiting, now_ms: int, serving_since_ms: int) -> tuple[HeartbeatState, list[HeartbeatRun]]:
    state = waiting.state
    runs: list[HeartbeatRun] = []
    while len(runs) < MOST_MISSED:
        before = state
        state, missed = overdue(waiting.rule, state, now_ms, serving_since_ms)
        if missed is not None:
            runs.append(missed)
        elif state == before:
            break
    return state, runs


def _one(found: Sequence[Any]) -> _Waiting | None:
    if not found:
        return None
    organization_id, check_id, version, definition, status, *state = found[0]
    try:
        rule = HeartbeatRule.of(from_json(definition))
    except (ValueError, KeyError, TypeError) as error:
        _log.error("heartbeat.unreadable", check_id=check_id, error=str(error))
        return None
    return _Waiting(organization_id, check_id, version, rule, status == "paused", _state(state))


def _state(columns: Sequence[Any]) -> HeartbeatState:
    deadline_ms, started_ms, last_ping_ms, last_run_ms, last_status, period_end_ms = columns
    status = RunStatus(last_status) if last_status else None
    return HeartbeatState(deadline_ms, started_ms, last_ping_ms, last_run_ms, status, period_end_ms)


def _keep(session: Session, check_id: str, state: HeartbeatState) -> None:
    run(
        session,
        _KEEP,
        state.deadline_ms, state.started_ms, state.last_ping_ms, state.last_run_ms,
        state.last_status.value if state.last_status is not None else None, state.period_end_ms, check_id,
    )  # fmt: skip


def _finished(waiting: _Waiting, ended: HeartbeatRun, body: bytes) -> Finished:
    begun_ms = ended.at_ms if ended.duration_ms is None else ended.at_ms - round(ended.duration_ms)
    return Finished(
        run_id=slot_run_id(waiting.check_id, LOCATION, ended.at_ms),
        organization_id=waiting.organization_id,
        check_id=waiting.check_id,
        check_version=waiting.version,
        location=LOCATION,
        at_ms=ended.at_ms,
        status=ended.status,
        started_ms=begun_ms,
        completed_ms=ended.at_ms,
        duration_ms=ended.duration_ms,
        error=ended.error,
        response={"body": body.decode(errors="replace")} if body else None,
        fresh_for_ms=FRESH_MS,
    )

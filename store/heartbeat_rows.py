"""The row beside a heartbeat's check: its ping token, and the state its deadlines are judged by."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.heartbeat import HeartbeatRule, HeartbeatState, rearmed
from model.outcome import RunStatus
from store.keyring import Cell, Keyring
from store.tables import Check, Heartbeat

_TOKEN_BYTES = 20


def add_heartbeat(session: Session, keyring: Keyring, check: Check) -> None:
    """A row with a fresh token of 160 bits: found by its keyed hash, kept encrypted so `ping_url` can be shown."""
    token = secrets.token_hex(_TOKEN_BYTES)
    session.add(
        Heartbeat(
            check_id=check.id,
            organization_id=check.organization_id,
            token_hash=keyring.hash_key(token),
            token=keyring.encrypt(token, token_cell(check.organization_id, check.id)),
        )
    )
    session.flush()


def token_cell(organization_id: str, check_id: str) -> Cell:
    """Where a ping token is at home."""
    return Cell(organization_id, Heartbeat.__tablename__, check_id, "token")


def ping_token(keyring: Keyring, heartbeat: Heartbeat) -> str:
    """The token at the end of the `ping_url`."""
    cell = token_cell(heartbeat.organization_id, heartbeat.check_id)
    return keyring.decrypt(heartbeat.token, cell).decode()


def ping_tokens(session: Session, keyring: Keyring, check_ids: list[str]) -> dict[str, str]:
    """The ping tokens of those of the checks that are heartbeats, by check id."""
    found = session.scalars(select(Heartbeat).where(Heartbeat.check_id.in_(check_ids)))
    return {heartbeat.check_id: ping_token(keyring, heartbeat) for heartbeat in found}


def heartbeat_of_token(session: Session, keyring: Keyring, token: str, *, lock: bool = False) -> Heartbeat | None:
    """Whose ping a token is; None when it is nobody's. The session sees every organization."""
    statement = select(Heartbeat).where(Heartbeat.token_hash == keyring.hash_key(token))
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def state_of(heartbeat: Heartbeat) -> HeartbeatState:
    """What the pure rules of model.heartbeat look at."""
    return HeartbeatState(
        deadline_ms=heartbeat.deadline_ms,
        started_ms=heartbeat.started_ms,
        last_ping_ms=heartbeat.last_ping_ms,
        last_run_ms=heartbeat.last_run_ms,
        last_status=None if heartbeat.last_status is None else RunStatus(heartbeat.last_status),
        period_end_ms=heartbeat.period_end_ms,
    )


def keep_state(heartbeat: Heartbeat, state: HeartbeatState) -> None:
    """Write down what those rules made of it; stored with the transaction."""
    heartbeat.deadline_ms = state.deadline_ms
    heartbeat.started_ms = state.started_ms
    heartbeat.last_ping_ms = state.last_ping_ms
    heartbeat.last_run_ms = state.last_run_ms
    heartbeat.last_status = None if state.last_status is None else str(state.last_status)
    heartbeat.period_end_ms = state.period_end_ms


def rearm_heartbeat(session: Session, check: Check, now_ms: int) -> None:
    """After a resume or an edit of its times: a fresh period begins now, if it was ever pinged."""
    heartbeat = session.scalars(select(Heartbeat).where(Heartbeat.check_id == check.id).with_for_update()).one_or_none()
    if heartbeat is not None:
        keep_state(heartbeat, rearmed(HeartbeatRule.of(check.definition), state_of(heartbeat), now_ms))
        session.flush()


def heartbeat_of_check(session: Session, check_id: str) -> Heartbeat | None:
    """The row of a heartbeat's check, of the session's organization."""
    return session.scalars(select(Heartbeat).where(Heartbeat.check_id == check_id)).one_or_none()

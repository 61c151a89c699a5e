"""What the audit log of a test holds, and hands that reach past its triggers."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select, text

from store.audit_log import Verdict, verdicts
from store.audit_tables import AuditEvent
from store.sessions import EVERY_ORGANIZATION, Database
from tests.conftest import KEYRING


def events(database: Database, *, past: int = 0) -> list[AuditEvent]:
    """Every event, oldest first, without the first `past`."""
    with database.read(EVERY_ORGANIZATION) as session:
        wanted = select(AuditEvent).order_by(AuditEvent.organization_id, AuditEvent.number)
        return list(session.scalars(wanted))[past:]


def told(database: Database, *, past: int = 0) -> list[tuple[str, Any, Any]]:
    """(action, before, after) of every event, oldest first."""
    return [
        (event.action, event.before and json.loads(event.before), event.after and json.loads(event.after))
        for event in events(database, past=past)
    ]


def actions(database: Database, *, past: int = 0) -> list[str]:
    return [event.action for event in events(database, past=past)]


def verified(database: Database) -> list[Verdict]:
    with database.read(EVERY_ORGANIZATION) as session:
        return list(verdicts(session, KEYRING.signature))


def tamper(database: Database, statement: str, **values: Any) -> None:
    """Change the database as somebody would who owns it: the triggers are off."""
    with database.engine.begin() as connection:
        if database.sqlite:
            for name in ("update", "delete", "replace"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS audit_events_no_{name}"))
        else:
            connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        connection.execute(text(statement), values)

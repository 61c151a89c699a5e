"""Statements past the ORM: whose rows they may see, and that a storm does not make them slower."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event

from store.alerts import alerts_held_by_parent
from store.notifications import enqueue
from store.outbox import channels_due, claim_due
from store.sessions import EVERY_ORGANIZATION, Database, UnscopedStatementError
from store.statements import rows
from store.write_lock import Urgency
from tests.conftest import Clock

_RULES = "SELECT id FROM alert_rules WHERE organization_id = ?"


def test_a_statement_that_names_its_organization_runs_in_that_organizations_session_alone(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    other = make_organization("Other")
    with database.read(organization) as session:
        assert rows(session, _RULES, organization, of=organization) == []
        with pytest.raises(UnscopedStatementError):
            rows(session, _RULES, other, of=other)
        with pytest.raises(UnscopedStatementError):
            rows(session, _RULES, organization)
        with pytest.raises(UnscopedStatementError, match="whose rows"):
            rows(session, "SELECT id FROM alert_rules", of=organization)
    with database.read(EVERY_ORGANIZATION) as session:
        assert rows(session, _RULES, organization, of=organization) == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_nothing_that_is_done_for_each_alert_reads_all_that_waits(
    database: Database, organization: str, clock: Clock
) -> None:
    """With indexes by organization it is tempting: in a storm all rows are of one organization, and pending."""
    said: list[tuple[str, object]] = []
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:

        def hear(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
            said.append((statement, parameters))

        event.listen(database.engine, "before_cursor_execute", hear)
        enqueue(
            session, organization_id=organization, subject_id="ntc_0123456789", event="notice", number=1,
            channel_ids=["chan_0123456789"], payload={}, now_ms=clock.now_ms,
        )  # fmt: skip
        channels_due(session, clock.now_ms)
        claim_due(session, "chan_0123456789", "sender", 5, clock.now_ms)
        alerts_held_by_parent(session, organization, "mon_0123456789")
        event.remove(database.engine, "before_cursor_execute", hear)
        plans = {
            statement: [row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", each)]
            for statement, parameters in said
            for each in [parameters[0] if isinstance(parameters, list) else parameters]
        }
    assert len(plans) >= 7
    for statement, plan in plans.items():
        assert not any("_organization" in step for step in plan), (statement, plan)
        assert not any(step == "SCAN notifications" for step in plan), (statement, plan)

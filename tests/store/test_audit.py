"""Whoever changes what is audited leaves an event in the same transaction: what it was, what it is, and who did it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from model.settings import Settings
from store.acting import TRACER, Actor, acting, actor
from store.alert_rules import create_rule, update_rule
from store.api_keys import NewApiKey, create_api_key, revoke_api_key, touch_api_key
from store.audit import NotSealedError, Target, UnheardStatementError, note
from store.audited import AUDITED
from store.bootstrap import bootstrap
from store.checks import create_check, delete_check, get_check, update_check
from store.keyring import Keyring
from store.organizations import get_organization, update_organization
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Base, Check, Organization
from store.variables import add_variable, delete_variable, get_variable, set_value
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.auditing import actions, events, told, verified
from tests.store.conftest import SECRET_KEYS, web_check

ANN = Actor("key", "key_ann", "Ann's key", "203.0.113.7", "req_1")
BACKGROUND = {
    "DELETE FROM checks",  # of checks that people deleted, when their last run has gone (store/retention.py)
    "DELETE FROM alerts",  # with the runs that they are about
    "DELETE FROM batches",
    "INSERT INTO incidents",  # of failures that nobody has seen before; what people say of one goes through the ORM
    "DELETE FROM incidents",  # with what they happened to, if nobody ever said anything of them
    "UPDATE batches",
}
"""What the service writes into audited tables past the ORM. None of it is a change that anybody asked for."""


def renamed(database: Database, organization: str, name: str, **rest: Any) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        row = get_organization(session, organization)
        assert row is not None
        update_organization(session, row, name=name, default_locations=rest.get("locations", ["local"]), now_ms=1)


def test_a_change_tells_who_what_and_what_it_was(database: Database, organization: str, clock: Clock) -> None:
    with acting(ANN):
        renamed(database, organization, "New")
    [event] = events(database, past=1)
    assert (event.actor_kind, event.actor_id, event.actor_name) == ("key", "key_ann", "Ann's key")
    assert (event.address, event.request_id, event.at_ms) == ("203.0.113.7", "req_1", clock.now_ms)
    assert (event.target_kind, event.target_id, event.target_name) == ("organization", organization, "New")
    assert told(database, past=1) == [("organization.updated", {"name": "Example"}, {"name": "New"})]
    assert actor() is TRACER


def test_what_nobody_asked_for_is_tracers_doing(database: Database, organization: str) -> None:
    [made] = events(database)
    assert (made.action, made.actor_kind, made.actor_id, made.actor_name) == (
        "organization.created", "tracer", None, "Tracer",
    )  # fmt: skip


def test_several_writes_of_a_row_in_one_transaction_are_one_event(database: Database, organization: str) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        row = get_organization(session, organization)
        assert row is not None
        for name in ("one", "two", "three"):
            update_organization(session, row, name=name, default_locations=["local"], now_ms=1)
    assert told(database, past=1) == [("organization.updated", {"name": "Example"}, {"name": "three"})]


def test_a_change_that_is_none_or_is_undone_leaves_no_event(database: Database, organization: str) -> None:
    renamed(database, organization, "Example", locations=["local"])
    with database.write(organization, Urgency.PEOPLE) as session:
        row = get_organization(session, organization)
        assert row is not None
        for name in ("other", "Example"):
            update_organization(session, row, name=name, default_locations=["local"], now_ms=1)
    assert actions(database, past=1) == []


def test_a_transaction_that_fails_leaves_no_event(database: Database, organization: str) -> None:
    def fail() -> None:
        with database.write(organization, Urgency.PEOPLE) as session:
            row = get_organization(session, organization)
            assert row is not None
            update_organization(session, row, name="New", default_locations=[], now_ms=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert actions(database, past=1) == []
    assert verified(database)[0].faults == []


def test_what_is_changed_without_a_flush_is_heard_too(database: Database, organization: str) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        session.get_one(Organization, organization).name = "New"
    assert actions(database, past=1) == ["organization.updated"]


def test_the_life_of_a_check_with_its_secrets_masked(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    def edited(**fields: Any) -> None:
        with database.write(organization, Urgency.PEOPLE) as session:
            check = get_check(session, check_id, lock=True)
            assert check is not None
            update_check(session, keyring, check, web_check(**fields), clock.now_ms)

    secret = {"headers": {"Authorization": "Bearer hunter2"}}
    with database.write(organization, Urgency.PEOPLE) as session:
        check_id = create_check(session, keyring, organization, web_check(**secret, interval=60), clock.now_ms).id
    edited(**secret, interval=30)
    edited(headers={"Authorization": "Bearer hunter3"}, interval=30)
    edited(headers={"Authorization": "Bearer hunter3"}, interval=30, status="paused")
    edited(headers={"Authorization": "Bearer hunter3"}, interval=30)
    with database.write(organization, Urgency.PEOPLE) as session:
        check = get_check(session, check_id)
        assert check is not None
        delete_check(session, check, clock.now_ms)
    made, *changes, gone = told(database, past=1)
    assert (made[0], made[1]) == ("monitor.created", None)
    assert made[2]["headers"] == {"Authorization": "********"}
    assert changes == [
        ("monitor.updated", {"interval": 60}, {"interval": 30}),
        ("monitor.updated", {"secrets": "********"}, {"secrets": "********"}),
        ("monitor.paused", {"status": "active"}, {"status": "paused"}),
        ("monitor.resumed", {"status": "paused"}, {"status": "active"}),
    ]
    assert (gone[0], gone[1]["interval"], gone[2]) == ("monitor.deleted", 30, None)
    assert "hunter" not in repr(told(database))


def test_keys_and_their_uses(database: Database, keyring: Keyring, organization: str) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        key, text_ = create_api_key(session, keyring, NewApiKey(organization, "CI", ("run",)), 1)
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        touch_api_key(session, key.id, 5)
    with database.write(organization, Urgency.PEOPLE) as session:
        assert revoke_api_key(session, key.id, 6)
    assert actions(database, past=1) == ["key.created", "key.deleted"]
    assert text_ not in repr(told(database))
    assert keyring.hash_key(text_) not in repr(told(database))


def test_variables_never_show_their_value(database: Database, keyring: Keyring, organization: str) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        add_variable(session, keyring, organization, ("PASSWORD", "hunter2"), 1)
    with database.write(organization, Urgency.PEOPLE) as session:
        row = get_variable(session, "PASSWORD", lock=True)
        assert row is not None
        set_value(session, keyring, row, "hunter3", 1)
    with database.write(organization, Urgency.PEOPLE) as session:
        row = get_variable(session, "PASSWORD", lock=True)
        assert row is not None
        delete_variable(session, row)
    whole = {"name": "PASSWORD", "value": "********"}
    assert told(database, past=1) == [
        ("variable.created", None, whole),
        ("variable.updated", {"value": "********"}, {"value": "********"}),
        ("variable.deleted", whole, None),
    ]


def test_a_rule_tells_the_fields_that_differ(database: Database, organization: str) -> None:
    rule = {"type": "no_data", "name": "Silence", "enabled": True, "window": 60, "channels": ["chan_1"]}
    with database.write(organization, Urgency.PEOPLE) as session:
        row = create_rule(session, organization, rule, 1)
        update_rule(session, row, {**rule, "window": 90}, 1, judges_anew=True)
    with database.write(organization, Urgency.PEOPLE) as session:
        row = session.get_one(type(row), row.id)
        update_rule(session, row, {**rule, "window": 90, "channels": []}, 1, judges_anew=False)
    assert told(database, past=1) == [
        ("rule.created", None, {**rule, "window": 90}),
        ("rule.updated", {"channels": ["chan_1"]}, {"channels": []}),
    ]


def test_a_statement_that_could_not_be_heard_is_refused(database: Database, organization: str) -> None:
    for scope in (organization, EVERY_ORGANIZATION):
        with (
            pytest.raises(UnheardStatementError, match="Organization is audited"),
            database.write(scope, Urgency.PEOPLE) as session,
        ):
            session.execute(update(Organization).values(name="New"))


def test_statements_past_the_orm_leave_audited_tables_alone() -> None:
    """Whatever is written as text is seen by nobody: each such statement is known here, with its reason."""
    tables = "|".join(sorted(model.__tablename__ for model in AUDITED))
    found: set[str] = set()
    for folder in ("store", "alerts", "api", "scheduler"):
        for path in (Path(__file__).parents[2] / folder).rglob("*.py"):
            for deed, table in re.findall(rf"(INSERT INTO|UPDATE|DELETE FROM) ({tables})\b", path.read_text()):
                found.add(f"{deed} {table}")
    assert found == BACKGROUND


def test_without_a_keyring_nothing_that_is_audited_can_be_written(database_url: str) -> None:
    unsealed = Database(database_url)
    try:
        with pytest.raises(NotSealedError), unsealed.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(Organization(id="org_1", name="x", default_locations=[], created_ms=1))
        with unsealed.read(EVERY_ORGANIZATION) as session:
            assert session.scalars(select(Organization)).all() == []
    finally:
        unsealed.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor_name = 'nobody'",
        "UPDATE audit_events SET number = number + 1",
        "DELETE FROM audit_events",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_event(
    database: Database, organization: str, statement: str
) -> None:
    for _ in range(2):
        with pytest.raises(DBAPIError, match="the audit log is never changed"), database.engine.begin() as connection:
            connection.execute(text(statement))
    assert actions(database) == ["organization.created"]


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_postgresql_refuses_to_empty_the_log(database: Database, organization: str) -> None:
    with pytest.raises(DBAPIError, match="the audit log is never changed"), database.engine.begin() as connection:
        connection.execute(text("TRUNCATE audit_events"))


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_sqlite_refuses_to_replace_an_event(database: Database, organization: str) -> None:
    copy = "INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events"
    with pytest.raises(IntegrityError, match="the audit log is never changed"), database.engine.begin() as connection:
        connection.execute(text(copy))


def test_writers_at_once_number_their_events_without_a_gap(
    database: Database, organization: str, make_organization: Any
) -> None:
    other = make_organization("Other")

    def write(number: int) -> None:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            for organization_id in (organization, other) if number % 2 else (other, organization):
                note(session, organization_id, "test.done", Target("test", None, str(number)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    for organization_id in (organization, other):
        numbers = [event.number for event in events(database) if event.organization_id == organization_id]
        assert numbers == list(range(1, 42))
    assert [verdict.faults for verdict in verified(database)] == [[], []]


def test_a_log_begins_with_the_first_start_and_every_start_leaves_it(database: Database, organization: str) -> None:
    with database.engine.begin() as connection:  # a Tracer from before there was a log
        connection.execute(text("INSERT INTO organizations SELECT 'org_old', name, default_locations, created_ms, "
                                "notice_channels FROM organizations"))  # fmt: skip
    settings = Settings(secret_keys=SECRET_KEYS, api_key="a-key-of-twenty-four-letters")
    for _ in range(2):
        keyring = Keyring.load(settings, database)
        bootstrap(database, keyring, settings)
    assert sorted(actions(database)) == ["audit.began", "key.created", "member.created", "organization.created"]


def test_every_audited_table_is_one_of_an_organization() -> None:
    for model in AUDITED:
        columns = Base.metadata.tables[model.__tablename__].columns
        assert model is Organization or "organization_id" in columns
        assert "id" in columns
    assert AUDITED[Check].ends == "deleted_ms"

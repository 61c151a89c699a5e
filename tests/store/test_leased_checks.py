"""Definitions for probes: whole, of the newest version, and quick when asked for again."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import event

from store import leased_checks
from store.checks import create_check, delete_check, get_check, update_check
from store.keyring import Keyring
from store.leased_checks import LeasedDefinition, check_rows_for_lease
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.conftest import WebCheck, web_check


class Checks:
    def __init__(self, database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
        self.database, self.keyring, self.organization, self.clock = database, keyring, organization, clock

    def make(self, definition: WebCheck) -> str:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            return create_check(session, self.keyring, self.organization, definition, self.clock.now_ms).id

    def edit(self, check_id: str, definition: WebCheck | None) -> None:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            check = get_check(session, check_id, lock=True)
            assert check is not None
            if definition is None:
                delete_check(session, check, self.clock.now_ms)
            else:
                update_check(session, self.keyring, check, definition, self.clock.now_ms)

    def lease(self, *check_ids: str) -> dict[str, LeasedDefinition]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            found = check_rows_for_lease(session, self.keyring, check_ids)
        assert len({leased.check_id for leased in found}) == len(found)
        return {leased.check_id: leased for leased in found}


@pytest.fixture
def checks(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Checks:
    return Checks(database, keyring, organization, clock)


def test_a_probe_is_given_the_definition_with_its_secrets(checks: Checks) -> None:
    definition = web_check(headers={"Authorization": "Bearer hunter2", "Accept": "*/*"})
    check_id = checks.make(definition)
    leased = checks.lease(check_id, "mon_nobody")
    assert list(leased) == [check_id]
    assert leased[check_id].version == 1
    assert WebCheck.model_validate_json(leased[check_id].definition) == definition


def test_an_edit_is_leased_from_the_next_time_on(checks: Checks) -> None:
    check_id = checks.make(web_check(headers={"Authorization": "one"}))
    checks.lease(check_id)
    checks.edit(check_id, web_check(headers={"Authorization": "two"}))
    leased = checks.lease(check_id)[check_id]
    assert leased.version == 2
    assert json.loads(leased.definition)["headers"] == {"Authorization": "two"}


def test_a_deleted_check_is_leased_no_more(checks: Checks) -> None:
    check_id = checks.make(web_check())
    checks.lease(check_id)
    checks.edit(check_id, None)
    assert checks.lease(check_id) == {}


def test_a_version_is_decrypted_once(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [checks.make(web_check(headers={"Authorization": str(number)})) for number in range(5)]
    first = checks.lease(*ids)
    statements: list[str] = []

    @event.listens_for(checks.database.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    monkeypatch.setattr(Keyring, "decrypt", None)
    assert checks.lease(*ids) == first
    assert [statement.split()[:2] for statement in statements if statement != "BEGIN"] == [["SELECT", "id,"]]


def test_memory_is_bounded_and_the_least_used_go_first(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [checks.make(web_check(description="x" * 1000)) for _ in range(4)]
    size = len(checks.lease(ids[0])[ids[0]].definition)
    monkeypatch.setattr(leased_checks, "KEPT_BYTES", 3 * size)
    checks.lease(ids[1])
    checks.lease(ids[2])
    checks.lease(ids[0])
    checks.lease(ids[3])
    kept = leased_checks._kept[checks.keyring]
    assert [check_id for check_id in ids if kept.get((check_id, 1))] == [ids[0], ids[2], ids[3]]

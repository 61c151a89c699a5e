"""Checks: what is stored of them, from when each version counts, and that their secrets can't be read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select

from model.definition import CheckDefinition
from model.schedule import Schedule
from model.secrets import MASK
from store.audit import UNAUDITED
from store.changes import changes_since
from store.check_secrets import SecretWouldShowError, secrets_of, whole_definition
from store.checks import (
    count_checks,
    create_check,
    delete_check,
    existing_check_ids,
    get_check,
    list_checks,
    update_check,
)
from store.keyring import Keyring, UndecryptableError
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.conftest import heartbeat_check, web_check

TOKEN = {"Authorization": "Bearer hunter2", "Accept": "text/html"}


class Desk:
    """A person who edits checks of one organization."""

    def __init__(self, database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
        self.database, self.keyring, self.organization, self.clock = database, keyring, organization, clock

    def create(self, definition: CheckDefinition | None = None) -> str:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            wanted = definition or web_check()
            return create_check(session, self.keyring, self.organization, wanted, self.clock.now_ms).id

    def update(self, check_id: str, definition: CheckDefinition) -> bool:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            check = get_check(session, check_id, lock=True)
            assert check is not None
            return update_check(session, self.keyring, check, definition, self.clock.now_ms)

    def delete(self, check_id: str) -> None:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            check = get_check(session, check_id, lock=True)
            assert check is not None
            delete_check(session, check, self.clock.now_ms)

    def check(self, check_id: str) -> Check:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return session.get_one(Check, check_id)

    def versions(self, check_id: str) -> list[tuple[int, int, bool]]:
        """(version, from_ms after now, whether it has a schedule)"""
        statement = select(CheckVersion).where(CheckVersion.check_id == check_id).order_by(CheckVersion.version)
        with self.database.read(EVERY_ORGANIZATION) as session:
            found = session.scalars(statement).all()
        return [(row.version, row.from_ms - self.clock.now_ms, row.schedule is not None) for row in found]

    def changes(self) -> list[str]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return [change.entity_id for change in changes_since(session, 0)]


@pytest.fixture
def desk(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Desk:
    return Desk(database, keyring, organization, clock)


def test_a_new_check_is_due_from_two_seconds_on(desk: Desk) -> None:
    check_id = desk.create(web_check(interval=30, timeout=5))
    assert check_id.startswith("mon_")
    assert desk.versions(check_id) == [(1, 2000, True)]
    assert desk.changes() == [check_id]
    check = desk.check(check_id)
    assert (check.type, check.kind, check.name, check.status) == ("url", "network", "Shop", "active")
    assert check.locations == ["local"]


def test_a_version_says_all_that_the_scheduler_needs(desk: Desk, database: Database) -> None:
    check_id = desk.create(web_check(cron="*/5 * * * *", timezone="Europe/Berlin", locations=["a", "b"], timeout=5))
    with database.read(EVERY_ORGANIZATION) as session:
        schedule = session.get_one(CheckVersion, (check_id, 1)).schedule
    assert msgspec.convert(schedule, Schedule) == Schedule(
        kind="network", locations=("a", "b"), budget_ms=5000, cron="*/5 * * * *", timezone="Europe/Berlin"
    )


def test_a_check_that_begins_paused_has_no_schedule(desk: Desk) -> None:
    check_id = desk.create(web_check(status="paused"))
    assert [scheduled for *_, scheduled in desk.versions(check_id)] == [False]


@pytest.mark.parametrize(
    ("change", "from_ms"),
    [
        ({"interval": 61}, 2000),
        ({"cron": "* * * * *", "interval": None}, 2000),
        ({"locations": ["local", "eu-west"]}, 2000),
        ({"name": "Store"}, 0),
        ({"timeout": 7.0}, 0),
        ({"timezone": "Europe/Berlin"}, 0),
    ],
)
def test_only_an_edit_of_the_slots_waits_for_every_scheduler(
    desk: Desk, clock: Clock, change: dict[str, Any], from_ms: int
) -> None:
    check_id = desk.create(web_check(interval=60))
    clock.advance(10_000)
    assert desk.update(check_id, web_check(**{"interval": 60, **change}))
    assert desk.versions(check_id)[-1] == (2, from_ms, True)
    assert desk.changes() == [check_id, check_id]


def test_an_edit_right_after_creation_does_not_bring_the_first_slot_forward(desk: Desk, clock: Clock) -> None:
    check_id = desk.create(web_check())
    clock.advance(500)
    desk.update(check_id, web_check(name="Store"))
    assert desk.versions(check_id)[-1] == (2, 1500, True)


def test_a_pause_bites_at_once_and_a_resume_after_two_seconds(desk: Desk, clock: Clock) -> None:
    check_id = desk.create(web_check())
    clock.advance(500)
    desk.update(check_id, web_check(status="paused"))
    assert desk.versions(check_id)[-1] == (2, 0, False)
    assert desk.check(check_id).status == "paused"
    desk.update(check_id, web_check(status="paused", name="Store"))
    assert desk.versions(check_id)[-1] == (3, 0, False)
    desk.update(check_id, web_check())
    assert desk.versions(check_id)[-1] == (4, 2000, True)


def test_an_edit_that_changes_nothing_is_no_version(desk: Desk, clock: Clock) -> None:
    check_id = desk.create(web_check(headers=TOKEN))
    clock.advance(5000)
    assert not desk.update(check_id, web_check(headers=TOKEN))
    assert len(desk.versions(check_id)) == 1
    assert desk.check(check_id).updated_ms == clock.now_ms - 5000
    assert desk.changes() == [check_id]


def test_a_changed_secret_is_a_change(desk: Desk, keyring: Keyring) -> None:
    check_id = desk.create(web_check(headers=TOKEN))
    assert desk.update(check_id, web_check(headers={**TOKEN, "Authorization": "Bearer other"}))
    assert secrets_of(keyring, desk.check(check_id)) == {"headers.Authorization": "Bearer other"}
    assert desk.update(check_id, web_check(headers={"Accept": "text/html"}))
    assert desk.check(check_id).secrets is None


def test_secrets_lie_encrypted_and_join_again(desk: Desk, keyring: Keyring, database: Database) -> None:
    check_id = desk.create(web_check(headers=TOKEN))
    check = desk.check(check_id)
    with database.read(EVERY_ORGANIZATION) as session:
        version = session.get_one(CheckVersion, (check_id, 1))
    for stored in (check.definition, version.definition):
        assert stored["headers"] == {"Authorization": MASK, "Accept": "text/html"}
    assert check.secrets is not None
    assert b"hunter2" not in check.secrets
    assert whole_definition(keyring, check) == web_check(headers=TOKEN).model_dump(mode="json")


def test_secrets_of_one_check_do_not_open_in_another(desk: Desk, keyring: Keyring) -> None:
    one, other = (desk.check(desk.create(web_check(headers=TOKEN))) for _ in range(2))
    other.secrets = one.secrets
    with pytest.raises(UndecryptableError):
        secrets_of(keyring, other)


def test_a_stored_secret_can_not_be_made_readable_by_an_edit(desk: Desk) -> None:
    secret = web_check(headers={"X-Session": "hunter2"}, secret_headers=["X-Session"])
    check_id = desk.create(secret)
    with pytest.raises(SecretWouldShowError) as caught:
        desk.update(check_id, web_check(headers={"X-Session": "hunter2"}))
    assert caught.value.paths == ["headers.X-Session"]
    assert "hunter2" not in str(caught.value)
    assert desk.check(check_id).definition["headers"] == {"X-Session": MASK}
    assert desk.update(check_id, web_check(headers={"X-Session": "public now"}))


def test_a_deleted_check_is_due_no_more_and_gone_from_lists(desk: Desk, database: Database, clock: Clock) -> None:
    check_id = desk.create(web_check(headers=TOKEN))
    clock.advance(100)
    desk.delete(check_id)
    assert desk.versions(check_id)[-1] == (2, 0, False)
    assert desk.changes() == [check_id, check_id]
    assert desk.check(check_id).secrets is None
    with database.read(EVERY_ORGANIZATION) as session:
        assert get_check(session, check_id) is None
        assert list_checks(session) == ([], 0)
        assert existing_check_ids(session, [check_id]) == set()


def test_lists_are_filtered_and_paged_newest_first(desk: Desk, database: Database, clock: Clock) -> None:
    made = []
    for definition in (
        web_check(name="a"), web_check(name="b", type="api"), web_check(name="c", status="paused"),
        heartbeat_check(name="d"), web_check(name="e"),
    ):  # fmt: skip
        made.append(desk.create(definition))
        clock.advance(1)
    desk.delete(made[0])

    def names(**filters: Any) -> tuple[str, int]:
        with database.read(desk.organization) as session:
            found, total = list_checks(session, **filters)
        return "".join(check.name for check in found), total

    assert names() == ("edcb", 4)
    assert names(page=(1, 2)) == ("dc", 4)
    assert names(check_type="url") == ("ec", 2)
    assert names(status="paused") == ("c", 1)
    assert names(check_type="api", status="paused") == ("", 0)
    assert names(kinds=("browser",)) == ("", 0)
    with database.read(desk.organization) as session:
        assert count_checks(session) == 4


def test_another_organization_sees_nothing(
    desk: Desk, database: Database, make_organization: Callable[[str], str]
) -> None:
    check_id = desk.create()
    with database.read(make_organization("Stranger")) as session:
        assert get_check(session, check_id) is None
        assert list_checks(session) == ([], 0)
        assert count_checks(session) == 0
        assert existing_check_ids(session, [check_id]) == set()


@pytest.mark.parametrize("total", [10_000, 10_001, 10_005])
def test_counts_are_exact_to_ten_thousand_and_go_one_further(
    desk: Desk, database: Database, organization: str, total: int
) -> None:
    row = {
        "organization_id": organization, "type": "url", "kind": "network", "name": "x", "status": "active",
        "version": 1, "definition": {}, "locations": [], "created_ms": 1, "updated_ms": 1,
    }  # fmt: skip
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        rows = [{**row, "id": f"mon_{number:010}"} for number in range(total)]
        session.execute(insert(Check), rows, execution_options={UNAUDITED: True})
    with database.read(organization) as session:
        assert list_checks(session)[1] == min(total, 10_001)

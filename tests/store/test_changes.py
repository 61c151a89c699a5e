"""The change feed: numbers appear in order, with the write they are about, or not at all."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from sqlalchemy import select

from store.changes import append_change, changes_since, newest_change
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Change
from store.write_lock import Urgency
from tests.store.following import seen_by_a_follower


def append(database: Database, organization: str, entity: str) -> int:
    with database.write(organization, Urgency.PEOPLE) as session:
        return append_change(session, organization, "check", entity, 5)


def test_numbers_rise_by_one_and_tell_what_changed(database: Database, organization: str) -> None:
    assert [append(database, organization, f"mon_{each}") for each in "abc"] == [1, 2, 3]
    with database.read(EVERY_ORGANIZATION) as session:
        assert newest_change(session) == 3
        assert [(change.seq, change.entity_id) for change in changes_since(session, 1)] == [(2, "mon_b"), (3, "mon_c")]
        assert [change.seq for change in changes_since(session, 0, limit=2)] == [1, 2]


def test_a_write_that_fails_leaves_neither_a_change_nor_a_hole(database: Database, organization: str) -> None:
    def fail() -> None:
        with database.write(organization, Urgency.PEOPLE) as session:
            append_change(session, organization, "check", "mon_lost", 5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert append(database, organization, "mon_a") == 1


def test_followers_are_woken_once_it_is_committed_and_not_before(database: Database, organization: str) -> None:
    woken: dict[str, threading.Event] = {topic: threading.Event() for topic in ("changes", f"lease:{organization}")}
    for topic, event in woken.items():
        database.wakeups.subscribe(topic, event.set)
    for _ in range(100):  # on PostgreSQL the listener connects in its own time; what comes before that is lost
        with database.write(organization, Urgency.PEOPLE) as session:
            append_change(session, organization, "check", "mon_a", 5)
            session.flush()
            assert not database.sqlite or not any(event.is_set() for event in woken.values())
        if all(event.wait(0.1) for event in woken.values()):
            return
    raise AssertionError("no wake-up came")


def test_a_late_commit_never_hides_behind_a_number_that_was_read(database: Database, organization: str) -> None:
    """Writers hold their transactions open in turn; a reader that follows the feed sees every number, in order."""
    writers, each = 4, 15

    def write(name: int) -> None:
        for number in range(each):
            append(database, organization, f"mon_{name}_{number}")

    def after(last: int) -> list[int]:
        with database.read(EVERY_ORGANIZATION) as session:
            return [change.seq for change in changes_since(session, last)]

    seen = seen_by_a_follower([partial(write, name) for name in range(writers)], after)
    assert seen == list(range(1, writers * each + 1))


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_the_next_number_waits_for_the_writer_before_it(database: Database, organization: str) -> None:
    given: list[int] = []
    with database.write(organization, Urgency.PEOPLE) as session:
        append_change(session, organization, "check", "mon_first", 5)
        other = threading.Thread(target=lambda: given.append(append(database, organization, "mon_second")))
        other.start()
        other.join(0.3)
        assert other.is_alive(), "the second number was given while the first was not committed"
        with database.read(EVERY_ORGANIZATION) as reader:
            assert reader.scalars(select(Change)).all() == []
    other.join(10)
    assert given == [2]

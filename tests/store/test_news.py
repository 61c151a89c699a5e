"""What a stream is read from: numbers in the order of commits, one organization's own, and places that are counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store.announcements import announce
from store.news import newest_number, told_after
from store.sessions import EVERY_ORGANIZATION, Database
from store.stream_places import LASTS_MS, keep_places, leave_places, take_place
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.following import seen_by_a_follower


def tell(database: Database, organization: str, *numbers: int) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        for number in numbers:
            announce(session, organization, {"alert": {"number": number}})


def told(database: Database, organization: str, seen: int) -> list[tuple[int, int]]:
    with database.read(EVERY_ORGANIZATION) as session:
        reading = told_after(session, organization, seen)
    return [(each.seq, each.alert["number"]) for each in reading.told if each.alert is not None]


def test_each_organization_has_numbers_of_its_own_without_holes(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    other = make_organization("other")
    tell(database, organization, 10, 11)
    tell(database, other, 20)

    def fail() -> None:
        with database.write(organization, Urgency.PEOPLE) as session:
            announce(session, organization, {"alert": {"number": 12}})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    tell(database, organization, 13)
    assert told(database, organization, 0) == [(1, 10), (2, 11), (3, 13)]
    assert told(database, organization, 1) == [(2, 11), (3, 13)], "also from the middle of a transaction's"
    assert told(database, organization, 3) == []
    assert told(database, other, 0) == [(1, 20)]


def test_a_late_commit_never_hides_behind_a_number_that_was_read(database: Database, organization: str) -> None:
    """Writers that tell early and commit late; a reader that follows sees every number, in order."""
    writers, each = 4, 10

    def write() -> None:
        for number in range(each):
            tell(database, organization, number)

    def after(last: int) -> list[int]:
        return [seq for seq, _ in told(database, organization, last)]

    seen = seen_by_a_follower([write] * writers, after)
    while seen[-1] < writers * each:  # a reading ends after so many pages
        seen.extend(after(seen[-1]))
    assert seen == list(range(1, writers * each + 1))


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_who_tells_early_in_a_long_transaction_keeps_nobody_waiting(database: Database, organization: str) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        announce(session, organization, {"alert": {"number": 1}})
        session.flush()
        tell(database, organization, 2)  # would wait for the first commit, which waits for this
    assert told(database, organization, 0) == [(1, 2), (2, 1)]


def test_places_are_taken_once_kept_and_given_back(database: Database, organization: str, clock: Clock) -> None:
    def take(holder: str = "token key_1") -> str | None:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            return take_place(session, organization, holder, 2, clock.now_ms)

    first, second = take(), take()
    assert first
    assert second not in (None, first)
    assert take() is None
    assert take("token key_2")
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        leave_places(session, [first])
    third = take()
    assert third
    assert take() is None
    clock.advance(LASTS_MS - 1)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        keep_places(session, [third], clock.now_ms)
    clock.advance(1)
    assert [take() is None, take() is None] == [False, True], "the second is free by now, the third was kept"
    with database.read(EVERY_ORGANIZATION) as session:
        assert newest_number(session, organization) == 0

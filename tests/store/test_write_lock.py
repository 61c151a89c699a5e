"""The writers' turns within a process, and what people hear while another process holds the database's lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Organization
from store.write_lock import Urgency, WriteLock, WriterBusyError
from tests.conftest import KEYRING

PATIENCE_S = 10.0


@contextmanager
def held(lock: WriteLock) -> Iterator[None]:
    """Somebody else's turn, in a thread of its own."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock.hold(Urgency.RESULTS):
            inside.set()
            leave.wait(PATIENCE_S)

    with ThreadPoolExecutor(1) as other:
        turn = other.submit(hold)
        assert inside.wait(PATIENCE_S)
        try:
            yield
        finally:
            leave.set()
            turn.result(PATIENCE_S)


def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    lock = WriteLock()
    with held(lock), pytest.raises(WriterBusyError), lock.hold(Urgency.PEOPLE, 0.01):
        pass
    with lock.hold(Urgency.PEOPLE, 0.01):
        pass


def test_who_gives_up_holds_up_nobody_behind() -> None:
    lock = WriteLock()
    had_turn = threading.Event()

    def behind() -> None:
        with lock.hold(Urgency.HOUSEKEEPING):
            had_turn.set()

    with ThreadPoolExecutor(1) as other:
        with held(lock):
            with pytest.raises(WriterBusyError), lock.hold(Urgency.PEOPLE, 0.01):
                pass
            turn = other.submit(behind)
        turn.result(PATIENCE_S)
    assert had_turn.is_set()


@pytest.mark.parametrize("urgency", list(Urgency))
def test_our_own_work_waits_for_another_process_and_people_do_not(
    database_url: str, store: str, organization: str, urgency: Urgency
) -> None:
    patient = urgency is not Urgency.PEOPLE and store == "sqlite"
    ours, theirs = Database(database_url, patience_s=0.05), Database(database_url)
    ours.seal_with(KEYRING.signature)

    def rename() -> None:
        with ours.write(EVERY_ORGANIZATION, urgency) as session:
            session.scalars(select(Organization).with_for_update()).one().name = "New"

    with ThreadPoolExecutor(1) as other:
        with theirs.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            session.scalars(select(Organization).with_for_update()).one()
            renaming = other.submit(rename)
            if not patient:
                with pytest.raises(SQLAlchemyError, match="lock"):
                    renaming.result(PATIENCE_S)
        if patient:
            renaming.result(PATIENCE_S)
    ours.close()
    theirs.close()

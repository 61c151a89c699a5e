"""Limits that all processes count together: exact, one statement a decision, and nothing of anybody is kept."""

from __future__ import annotations

import re
import threading

from sqlalchemy import event, select

from store.keyring import Keyring
from store.limit_tables import RateCount
from store.rate_limits import Limit, Use, forget_counts, take
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.conftest import Clock

CALLS = Limit("call", "calls", 60, 60)
TRIES = Limit("try", "tries", 2, 10)


def taken(database: Database, keyring: Keyring, *uses: Use) -> dict[Use, int]:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return take(session, keyring, uses, database.now())


def test_the_61st_call_of_several_processes_at_once_is_the_one_refused(
    database: Database, database_url: str, keyring: Keyring, clock: Clock
) -> None:
    """Each process has its own connections; on SQLite, its own lock too."""
    processes = [Database(database_url, now_ms=clock) for _ in range(4)]
    refused: list[int] = []

    def call(process: Database) -> None:
        for _ in range(25):
            refused.extend(taken(process, keyring, Use(CALLS, "token")).values())

    threads = [threading.Thread(target=call, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.close()
    assert refused == [60_000] * 40


def test_a_window_begins_with_the_first_use_and_refusals_do_not_prolong_it(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    ada, bob = Use(TRIES, "ada"), Use(TRIES, "bob")
    assert taken(database, keyring, ada) == {}
    clock.advance(4_000)
    assert taken(database, keyring, ada) == {}
    assert taken(database, keyring, ada) == {ada: 6_000}
    clock.advance(5_999)
    assert taken(database, keyring, ada, bob) == {ada: 1}
    clock.advance(1)
    assert taken(database, keyring, ada, bob) == {}
    assert taken(database, keyring, ada, bob) == {bob: 9_999}
    assert taken(database, keyring, Use(CALLS, "ada")) == {}, "another limit counts for itself"


def test_a_decision_is_one_statement_and_keeps_nothing_readable(database: Database, keyring: Keyring) -> None:
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    taken(database, keyring, Use(CALLS, "203.0.113.7"), Use(TRIES, "ada@example.com"))
    assert len([statement for statement in asked if not statement.startswith("BEGIN")]) == 1
    with database.read(EVERY_ORGANIZATION) as session:
        kept = list(session.scalars(select(RateCount.subject)))
    assert len(kept) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", subject) for subject in kept)


def test_counts_whose_window_is_over_are_forgotten(database: Database, keyring: Keyring, clock: Clock) -> None:
    taken(database, keyring, Use(TRIES, "ada"), Use(CALLS, "ada"))
    clock.advance(10_000)
    forget_counts(database)
    with database.read(EVERY_ORGANIZATION) as session:
        assert len(list(session.scalars(select(RateCount.subject)))) == 1
    clock.advance(50_000)
    forget_counts(database)
    with database.read(EVERY_ORGANIZATION) as session:
        assert list(session.scalars(select(RateCount.subject))) == []


def test_the_database_knows_the_time_within_a_statement(database_url: str, keyring: Keyring) -> None:
    real = Database(database_url)
    with real.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        now_ms = real.now_ms(session)
        assert 0 <= session.scalar(select(real.now())) - now_ms < 60_000
    use = Use(TRIES, "ada")
    assert [bool(taken(real, keyring, use)) for _ in range(3)] == [False, False, True]
    real.close()

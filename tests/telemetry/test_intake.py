"""The intake: many who wait share a commit, numbers rise without a gap, and one that can't be stored hurts nobody."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event as listen
from sqlalchemy import text

from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency
from telemetry.events import Event, read_event
from telemetry.spans import read_span
from telemetry.stored.intake import Intake
from telemetry.stored.reading import find_events
from telemetry.stored.storing import TOPIC, Outcome, Submission
from tests.conftest import Clock
from tests.telemetry.reporting import event, span

REPLAYS = int(os.environ.get("TRACER_TEST_REPLAYS", "10000"))
"""A hundred thousand by the environment."""


def events(*ids: str, project: int = 1, **fields: Any) -> Submission:
    return Submission(project, events=[read(one, project, **fields) for one in ids])


def read(event_id: str, project: int = 1, **fields: Any) -> Event:
    return read_event(event(event_id, **fields), project, 1_705_314_600_000)


def seqs(database: Database) -> list[int]:
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        return [row[0] for row in rows(session, "SELECT seq FROM events ORDER BY seq")]


def test_who_comes_while_another_commits_shares_the_next_commit(database: Database) -> None:
    intake = Intake(database.telemetry)
    commits: list[None] = []
    listen.listen(database.telemetry.engine, "commit", lambda _connection: commits.append(None))
    with ThreadPoolExecutor(10) as pool, intake._turn:
        waiting = [pool.submit(intake.keep, events(f"e{number}")) for number in range(10)]
        while len(intake._queue) < 10:
            threading.Event().wait(0.001)
        commits.clear()
    assert [future.result() for future in waiting] == [Outcome()] * 10
    assert len(commits) <= 2, "one commit; and SQLite's driver may tell of the end of a read"
    assert seqs(database) == list(range(1, 11))


def test_processes_that_store_at_once_give_no_number_twice_and_leave_no_gap(
    database: Database, database_url: str
) -> None:
    """On PostgreSQL two processes; on SQLite there is one, with threads."""
    other = Database(database_url) if not database.sqlite else database
    intakes = [Intake(database.telemetry), Intake(other.telemetry)]
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: intakes[n % 2].keep(events(f"e{n % 40}", f"own{n}")), range(80)))
    finally:
        if other is not database:
            other.close()
    assert seqs(database) == list(range(1, 121))
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        [[count, issues, last]] = rows(session, "SELECT sum(count), count(*), max(last_seq) FROM issues")
    assert (int(count), issues, last) == (120, 1, 120)


def test_a_reader_who_has_seen_a_number_never_finds_a_smaller_one_behind_it(database: Database) -> None:
    intake, seen, over = Intake(database.telemetry), set[int](), threading.Event()
    faults: list[str] = []

    def follow() -> None:
        highest = 0
        while not over.is_set():
            found = seqs(database)
            fresh = set(found) - seen
            faults.extend(f"{one} after {highest}" for one in fresh if one < highest)
            seen.update(found)
            highest = max(seen, default=0)

    follower = threading.Thread(target=follow)
    follower.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: intake.keep(events(f"e{n}")), range(40)))
    over.set()
    follower.join()
    assert faults == []


def test_a_submission_that_can_not_be_stored_takes_nobody_with_it(database: Database) -> None:
    intake = Intake(database.telemetry)
    poison = events("bad")
    poison.events[0].level = None  # type: ignore[assignment]
    batch = [events("a"), poison, events("b")]
    with ThreadPoolExecutor(3) as pool, intake._turn:
        waiting = [pool.submit(intake.keep, submission) for submission in batch]
        while len(intake._queue) < 3:
            threading.Event().wait(0.001)
    assert isinstance(waiting[1].exception(), Exception)
    assert waiting[0].result() == waiting[2].result() == Outcome()
    assert len(seqs(database)) == 2


def test_whoever_waits_for_telemetry_is_woken(database: Database) -> None:
    woken = threading.Event()
    stop = database.telemetry.wakeups.subscribe(TOPIC, woken.set)
    intake = Intake(database.telemetry)
    for number in range(200):  # PostgreSQL's listener may only be about to listen
        intake.keep(events(f"e{number}"))
        if woken.wait(0.05):
            break
    assert woken.is_set()
    stop()


def test_two_projects_may_have_the_same_ids(database: Database) -> None:
    intake = Intake(database.telemetry)
    for project in (1, 2):
        spans = [read_span(span("s1"), project, 1_705_314_600_000)]
        intake.keep(Submission(project, events=[read("a", project)], spans=spans))
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        assert rows(session, "SELECT count(*) FROM spans")[0][0] == 2
        found = find_events(session, [2], (), 0, before=None, limit=5)
    assert [(one.event_id, one.project) for one in found] == [("a", 2)]


def test_a_body_of_very_many_is_stored_in_turns_and_told_as_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.stored.intake.MOST_ROWS", 10)
    intake = Intake(database.telemetry)
    sent = events(*(f"e{number}" for number in range(25)))
    sent.spans = [read_span(span(f"s{number}"), 1, 1_705_314_600_000) for number in range(15)]
    sent.dropped["events", "invalid"] = 3
    sent.quota = {"events": 23, "traces": None}
    outcome = intake.keep(sent)
    assert (outcome.over, outcome.spent) == ({("e23",), ("e24",)}, False)
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        counted = {(row[0], row[1]): row[2] for row in rows(session, "SELECT kind, reason, count FROM usage")}
    assert counted == {("events", ""): 23, ("events", "invalid"): 3, ("events", "quota"): 2, ("traces", ""): 15}


def test_replays_are_one_row_each(database: Database) -> None:
    """Of the same hundred ids, by four who send at once."""
    intake = Intake(database.telemetry)
    whole = events(*(f"e{number}" for number in range(100)))
    with ThreadPoolExecutor(4) as pool:
        for outcome in pool.map(lambda _: intake.keep(whole), range(REPLAYS // 100)):
            assert outcome == Outcome()
    assert seqs(database) == list(range(1, 101))
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        assert rows(session, "SELECT kind, count FROM usage") == [("events", 100)]
        assert rows(session, "SELECT sum(count) FROM issues") == [(100,)]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_storm_of_errors_holds_no_lock_of_the_main_store(database: Database, clock: Clock) -> None:
    with database.telemetry.write(EVERY_ORGANIZATION, Urgency.RESULTS) as storm:
        storm.execute(text("UPDATE intake SET at_ms = at_ms"))
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            assert session.execute(text("SELECT 1")).scalar() == 1

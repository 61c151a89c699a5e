"""Jobs as the scheduler runs them: asked first whether there is anything to do. What a job finds that was not asked for
would wait for ever, so a test that calls these fails when the question overlooks something."""

from __future__ import annotations

from alerts import marking
from alerts import watch as watching
from scheduler import closing, deadlines
from store.dispatches import anything_to_close
from store.heartbeats import anything_overdue
from store.maintenance_windows import anything_to_mark
from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.judging import EventJudge


def close_and_rescue(database: Database) -> int:
    with database.read(EVERY_ORGANIZATION) as session:
        waits = anything_to_close(session, database.now_ms(session))
    done = closing.close_and_rescue(database)
    assert waits or not done
    return done


def settle_heartbeats(database: Database) -> int:
    with database.read(EVERY_ORGANIZATION) as session:
        waits = anything_overdue(session, database.now_ms(session))
    done = deadlines.settle_heartbeats(database)
    assert waits or not done
    return done


def watch(database: Database) -> int:
    with database.read(EVERY_ORGANIZATION) as session:
        waits = watching.anything_to_watch(session, database.now_ms(session))
    done = watching.watch(database)
    assert waits or not done
    return done


def mark_stored_runs(database: Database) -> None:
    with database.read(EVERY_ORGANIZATION) as session:
        waits = anything_to_mark(session)
    if waits:
        marking.mark_stored_runs(database)


def judge_events(judge: EventJudge, database: Database) -> None:
    store = database.telemetry
    with database.read(EVERY_ORGANIZATION) as session, store.read(EVERY_ORGANIZATION) as events:
        waits = judge.waits(session, events)
    if waits:
        judge.work()

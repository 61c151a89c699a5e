"""Jobs as the scheduler runs them: asked first whether there is anything to do. What a job finds that was not asked for
would wait for ever, so a test that calls these fails when the question overlooks something."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from alerts import marking
from alerts import watch as watching
from scheduler import closing
from store.dispatches import anything_to_close
from store.maintenance_windows import anything_to_mark
from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.judging import EventJudge


def close_and_rescue(database: Database) -> int:
    return _asked(database, anything_to_close, closing.close_and_rescue)


def watch(database: Database) -> int:
    return _asked(database, watching.anything_to_watch, watching.watch)


def _asked(database: Database, waits: Callable[[Session, int], bool], run: Callable[[Database], int]) -> int:
    with database.read(EVERY_ORGANIZATION) as session:
        asked_for = waits(session, database.now_ms(session))
    done = run(database)
    assert asked_for or not done
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

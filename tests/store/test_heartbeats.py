"""Pings and deadlines in the database: each period ends in one run, also beside an absence, a pause, or a race."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from alerts.record import record
from model.heartbeat import KEPT_BODY_BYTES, LOCATION, Signal
from model.ids import new_id
from model.outcome import RunStatus
from store.heartbeats import MOST_MISSED, Pinged, ping, settle_overdue
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion, Heartbeat, LocationState, Run, ServiceClock
from store.write_lock import Urgency
from tests.conftest import Clock

MINUTE = 60_000
SUCCESS = Signal("success")
Settle = Callable[[], int]
Send = Callable[..., Pinged | None]


@pytest.fixture
def make_heartbeat(database: Database, clock: Clock, organization: str) -> Callable[..., str]:
    """A function that adds a heartbeat (token hash = its id) and returns its id."""

    def make(**definition: object) -> str:
        check_id = new_id("mon", clock.now_ms)
        stored = {"type": "heartbeat", "name": "job", "interval": 600, "grace": 60, **definition}
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(
                Check(
                    id=check_id, organization_id=organization, type="heartbeat", kind="heartbeat", name="job",
                    status="active", version=1, definition=stored, locations=[], created_ms=clock.now_ms,
                    updated_ms=clock.now_ms,
                )
            )  # fmt: skip
            session.flush()
            session.add(
                CheckVersion(
                    check_id=check_id, organization_id=organization, version=1, definition=stored, schedule=None,
                    from_ms=clock.now_ms, created_ms=clock.now_ms,
                )
            )  # fmt: skip
            session.add(
                Heartbeat(check_id=check_id, organization_id=organization, token_hash=check_id, token=b"sealed")
            )
        return check_id

    return make


@pytest.fixture
def send(database: Database, clock: Clock) -> Send:
    """Ping as the API does."""

    def one(check_id: str, signal: Signal = SUCCESS, body: bytes = b"") -> Pinged | None:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            beat(session, clock.now_ms)
            pinged = ping(session, check_id, signal, clock.now_ms, body)
            if pinged is not None:
                assert record(session, pinged.finished, clock.now_ms) == []
            return pinged

    return one


@pytest.fixture
def settle(database: Database, clock: Clock) -> Settle:
    """Settle deadlines as the scheduler does."""

    def one() -> int:
        with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            finished = settle_overdue(session, clock.now_ms, 50)
            assert record(session, finished, clock.now_ms) == []
            return len(finished)

    return one


@pytest.fixture
def serve(database: Database, clock: Clock) -> Callable[[int], None]:
    """Time passes while the API serves."""

    def pass_time(milliseconds: int) -> None:
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, clock.now_ms)
            clock.advance(milliseconds)
            session.get_one(ServiceClock, "api").seen_ms = clock.now_ms  # as if it had said so every second

    return pass_time


def _runs(database: Database) -> list[tuple[str, str | None]]:
    with database.read(EVERY_ORGANIZATION) as session:
        return [(run.status, run.error_code) for run in session.query(Run).order_by(Run.at_ms)]


def test_an_unknown_token_is_nobodys(send: Send) -> None:
    assert send("nobody") is None


def test_nothing_is_missed_before_the_first_ping(
    database: Database, make_heartbeat: Callable[..., str], serve: Callable[[int], None], settle: Settle
) -> None:
    make_heartbeat()
    serve(100 * MINUTE)
    assert settle() == 0
    assert _runs(database) == []


def test_late_is_missed_then_recovered(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    check = make_heartbeat()
    serve(1_000)
    send(check)
    serve(11 * MINUTE)
    assert settle() == 0, "at the very deadline it is still on time"
    serve(1)
    assert settle() == 1
    assert settle() == 0
    serve(10 * MINUTE)
    assert settle() == 1
    send(check)
    assert _runs(database) == [
        ("success", None), ("failed", "heartbeat_missed"), ("failed", "heartbeat_missed"), ("success", None),
    ]  # fmt: skip
    with database.read(EVERY_ORGANIZATION) as session:
        state = session.get_one(LocationState, (check, LOCATION))
        assert (state.status, state.fresh_until_ms or 0) > ("success", 10**12)


def test_a_reported_failure_is_not_missed_as_well_and_does_not_put_off_the_deadline(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    check = make_heartbeat()
    serve(1_000)
    send(check)
    serve(6 * MINUTE)
    send(check, Signal("fail", 3))
    serve(5 * MINUTE + 1)
    assert settle() == 0, "the period that ends here has its run"
    serve(10 * MINUTE - 1)
    assert settle() == 0, "at the very deadline it is still on time"
    serve(1)
    assert settle() == 1
    assert [code for _, code in _runs(database)] == [None, "heartbeat_failed", "heartbeat_missed"]


def test_a_late_ping_finds_its_period_missed_before_the_scheduler_looked(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    check = make_heartbeat()
    serve(1_000)
    send(check)
    serve(11 * MINUTE + 5)
    send(check)
    assert [code for _, code in _runs(database)] == [None, "heartbeat_missed", None]
    assert settle() == 0


def test_a_deadline_that_passed_while_the_api_was_away_moves(
    database: Database, make_heartbeat: Callable[..., str], send: Send, clock: Clock, serve: Callable[[int], None],
    settle: Settle,
) -> None:  # fmt: skip
    check = make_heartbeat()
    serve(1_000)
    send(check)
    clock.advance(60 * MINUTE)
    assert settle() == 0, "nobody is there to hear a ping"
    serve(30_000)
    assert settle() == 0
    serve(31_000)
    assert settle() == 1, "the grace after the return is over"
    assert len(_runs(database)) == 2


def test_fail_and_exit_codes_say_why_and_start_gives_a_duration(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None]
) -> None:
    check = make_heartbeat()
    serve(1_000)
    send(check, Signal("start"))
    serve(90_000)
    send(check, Signal("fail", 7), b"disk full")
    send(check, Signal("log"), b"more" * KEPT_BODY_BYTES)
    with database.read(EVERY_ORGANIZATION) as session:
        run = session.query(Run).one()
        assert (run.status, run.error_code, run.duration_ms) == ("failed", "heartbeat_failed", 90_000)
        assert "exit code 7" in (run.error_message or "")
        assert b"disk full" in (run.detail or b"")
        assert (run.started_ms, run.completed_ms) == (run.at_ms - 90_000, run.at_ms)
        assert len(session.get_one(Heartbeat, check).body or b"") == KEPT_BODY_BYTES


def test_a_paused_heartbeat_misses_nothing_and_hears_pings_without_runs(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    check = make_heartbeat()
    serve(1_000)
    send(check)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(Check, check).status = "paused"
    serve(60 * MINUTE)
    assert settle() == 0
    pinged = send(check)
    assert pinged is not None
    assert pinged.finished == []
    assert len(_runs(database)) == 1


def test_a_deleted_heartbeat_has_no_address(
    database: Database, make_heartbeat: Callable[..., str], send: Send, clock: Clock
) -> None:
    check = make_heartbeat()
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(Check, check).deleted_ms = clock.now_ms
    assert send(check) is None


def test_a_scheduler_long_behind_catches_up_in_portions(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    check = make_heartbeat(interval=1, grace=1)
    serve(1_000)
    send(check)
    serve(2 * MOST_MISSED * 1_000)
    assert settle() == MOST_MISSED
    while settle():
        pass
    statuses = [status for status, _ in _runs(database)]
    assert statuses == ["success"] + ["failed"] * (2 * MOST_MISSED - 2)


def test_a_definition_that_cannot_be_read_does_not_stop_the_others(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    good, broken = make_heartbeat(), make_heartbeat(grace=1)
    serve(1_000)
    send(good)
    send(broken)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(Check, broken).definition = {"cron": "0 0 30 2 *", "timezone": "Mars/Olympus"}
    serve(12 * MINUTE)
    assert settle() == 1
    assert settle() == 0


def test_pings_at_the_same_moment_make_one_run(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None]
) -> None:
    check = make_heartbeat()
    serve(1_000)
    threads = [threading.Thread(target=send, args=(check,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert _runs(database) == [(RunStatus.SUCCESS.value, None)]


def test_a_ping_and_the_scheduler_at_the_same_moment_miss_a_period_once(
    database: Database, make_heartbeat: Callable[..., str], send: Send, serve: Callable[[int], None], settle: Settle
) -> None:
    check = make_heartbeat()
    serve(1_000)
    send(check)
    serve(11 * MINUTE + 1)
    threads = [threading.Thread(target=work) for work in (settle, lambda: send(check), settle, settle)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    codes = [code for _, code in _runs(database)]
    assert sorted(map(str, codes)) == ["None", "None", "heartbeat_missed"]

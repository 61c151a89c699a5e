"""Parts of Tracer that are away for a while: what they held, and what was due meanwhile, is accounted for."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from store.sessions import Database
from tests.system.ledger import SCHEDULE_BEGINS_AFTER_MS, Target, account, due_slots, milliseconds
from tests.system.processes import wait_for
from tests.system.stack import LOCATION, Stack
from tests.system.wire import Wire

AWAY_S = float(os.environ.get("TRACER_TEST_AWAY_S", "15"))
TWO_DAYS_MS = 2 * 86_400_000


def now_ms() -> int:
    return int(time.time() * 1000)


def newest_success(stack: Stack, check_id: str) -> int:
    entries = stack.api("GET", f"/v1/monitors/{check_id}/runs?status=success&per_page=1")["data"]
    return milliseconds(entries[0]["scheduled_at"]) if entries else 0


def wake_a_zombie(stack: Stack, target: Target) -> list[str]:
    """A probe is stopped until another has its runs, then wakes and reports; what went wrong. Runs are given away only
    while they are younger than their interval: it is longer than a lease."""
    wire = Wire(stack.url)
    try:
        zombie = stack.add_probe("probe-1", wire.url)
        monitors = [stack.monitor(target.url, name=f"check {number}", interval=10) for number in range(40)]
        wait_for(lambda: all(newest_success(stack, monitor["id"]) for monitor in monitors), "first results")
        target.delay_s = 2.0
        seen = target.hits.total()
        wait_for(lambda: target.hits.total() > seen + 5, "runs in flight")
        zombie.signal(signal.SIGSTOP)
        stopped_ms = now_ms()
        target.delay_s = 0
        stack.add_probe("probe-2", stack.url)
        wait_for(
            lambda: all(newest_success(stack, m["id"]) > stopped_ms + 9_000 for m in monitors), "the other probe", 60
        )
        before = {m["id"]: {e["id"]: e for e in stack.api.history(m["id"]) if "id" in e} for m in monitors}
        told = len(wire.acknowledged)
        zombie.signal(signal.SIGCONT)
        wait_for(lambda: len(wire.acknowledged) > told + 10, "the zombie at work again", 20)
    finally:
        wire.close()
    faults = [] if wire.refused else ["the zombie's results were believed"]
    for monitor in monitors:
        after = {entry["id"]: entry for entry in stack.api.history(monitor["id"]) if "id" in entry}
        faults += [
            f"{run} was replaced"
            for run, entry in before[monitor["id"]].items()
            if after[run]["status"] != entry["status"] or after[run]["completed_at"] != entry["completed_at"]
        ]
    return faults


def test_a_stopped_probe_that_wakes_after_its_runs_were_given_away_is_refused(stack: Stack, target: Target) -> None:
    assert wake_a_zombie(stack, target) == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_build_without_fencing_is_caught(make_stack: Callable[[str], Stack], target: Target) -> None:
    assert "the zombie's results were believed" in wake_a_zombie(make_stack("believes_any_token"), target)


def monitors_that_never_ran(stack: Stack, target: Target) -> int:
    """Created by several people at once, half of them by slow transactions; how many were not heard of in 8 s."""
    stack.add_probe("probe-1")
    with ThreadPoolExecutor(4) as people:
        monitors = list(people.map(lambda n: stack.monitor(target.url, name=f"m{n}", interval=1), range(12)))
    created = time.monotonic()

    def unheard() -> int:
        return sum(not newest_success(stack, monitor["id"]) for monitor in monitors)

    while unheard() and time.monotonic() < created + 8:
        time.sleep(0.2)
    return unheard()


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_definition_that_commits_late_is_heard_of_all_the_same(stack: Stack, target: Target) -> None:
    assert monitors_that_never_ran(stack, target) == 0


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_build_whose_change_feed_misses_a_late_commit_is_caught(
    make_stack: Callable[[str], Stack], target: Target
) -> None:
    assert monitors_that_never_ran(make_stack("numbers_changes_before_they_commit"), target) > 0


@pytest.mark.timeout(180)
def test_while_the_api_is_away_leased_runs_are_finished_and_the_rest_is_accounted_for(
    stack: Stack, target: Target
) -> None:
    stack.add_probe("probe-1")
    monitors = [stack.monitor(target.url, name=f"check {number}", interval=1) for number in range(5)]
    wait_for(lambda: all(newest_success(stack, monitor["id"]) for monitor in monitors), "first results")
    target.delay_s = 0.7
    earlier = set(target.hits)
    wait_for(lambda: set(target.hits) - earlier, "a run in flight")
    stack.processes["server"].kill()
    killed_ms = now_ms()
    time.sleep(AWAY_S)
    leased_before = set(target.hits) - earlier
    target.delay_s = 0
    back_ms = now_ms()
    stack.processes["server"].start()
    wait_for(stack.healthy, "the server again")
    wait_for(lambda: all(newest_success(stack, m["id"]) > back_ms for m in monitors), "results again", 30)
    until_ms = now_ms() - 5_000
    wait_for(lambda: all(newest_success(stack, m["id"]) > until_ms + 5_000 for m in monitors), "two more slots", 30)

    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    passed: set[str] = set()
    for monitor in monitors:
        begins = milliseconds(monitor["created_at"]) + SCHEDULE_BEGINS_AFTER_MS
        history = stack.api.history(monitor["id"])
        book = account(due_slots(monitor["id"], LOCATION, 1000, begins, until_ms), history)
        assert book.exact, (book.missing[:5], book.doubled[:5], book.strangers[:5])
        statuses += book.by_status
        reasons.update(e["error"]["code"] for e in history if e.get("error"))
        passed |= {entry["id"] for entry in history if entry["status"] == "success"}
    assert statuses["failed"] == 0
    assert reasons["api_unreachable"] > 0
    assert set(reasons) == {"api_unreachable"}, reasons
    assert leased_before <= passed, "what was leased before is finished, and told when the API is back"
    missed_span_s = (back_ms - killed_ms) / 1000
    assert statuses["missed"] <= 5 * (missed_span_s + 4)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_when_one_of_two_schedulers_is_killed_the_other_takes_over_and_nothing_is_dispatched_twice(
    stack: Stack, target: Target
) -> None:
    stack.add_probe("probe-1")
    monitors = [stack.monitor(target.url, name=f"check {number}", interval=1) for number in range(20)]
    wait_for(lambda: all(newest_success(stack, monitor["id"]) for monitor in monitors), "first results")
    stack.processes.pop("scheduler-1").kill()
    killed_ms = now_ms()
    wait_for(lambda: all(newest_success(stack, m["id"]) > killed_ms + 6_000 for m in monitors), "the other one", 30)
    late = []
    for monitor in monitors:
        begins = milliseconds(monitor["created_at"]) + SCHEDULE_BEGINS_AFTER_MS
        history = stack.api.history(monitor["id"])
        book = account(due_slots(monitor["id"], LOCATION, 1000, begins, killed_ms + 5_000), history)
        assert book.exact, (book.missing[:5], book.doubled[:5], book.strangers[:5])
        late += [
            milliseconds(entry["started_at"]) - milliseconds(entry["scheduled_at"])
            for entry in history
            if entry.get("started_at")
        ]
    assert max(late) <= 3_000
    assert max(target.hits.values()) == 1


@pytest.mark.timeout(300)
def test_two_days_asleep_and_right_again_within_ten_seconds(stack: Stack, target: Target) -> None:
    count = 1000 if stack.sqlite else 300
    monitors = [stack.monitor(target.url, name=f"check {number}", interval=10) for number in range(count)]
    stack.add_probe("probe-1")
    wait_for(lambda: len(target.hits) >= count // 2, "checks running")
    for name in [name for name in stack.processes if not name.startswith("probe")]:
        stack.processes[name].stop()
    _sleep_two_days(stack)
    woken_ms = now_ms()
    for name, process in stack.processes.items():
        if not name.startswith("probe"):
            process.start()
    wait_for(stack.healthy, "the server again", 20)
    sample = monitors[:: count // 20]
    wait_for(lambda: all(newest_success(stack, m["id"]) > woken_ms - 10_000 for m in sample), "fresh results", 25)
    for monitor in sample:
        gaps = wait_for(lambda monitor=monitor: long_gaps(stack, monitor["id"]), "the gap", 10)
        assert len(gaps) == 1, "two days are one gap"
        assert abs(gaps[0]["slots"] - TWO_DAYS_MS // 10_000) < 30
        assert gaps[0]["error"]["code"] == "api_unreachable"


def long_gaps(stack: Stack, check_id: str) -> list[dict[str, Any]]:
    entries = stack.api("GET", f"/v1/monitors/{check_id}/runs?per_page=100")["data"]
    return [entry for entry in entries if entry.get("slots", 0) > 10_000]


def _sleep_two_days(stack: Stack) -> None:
    """What two days of sleep leave behind: everything written, two days older."""
    url = stack.database_url if not stack.sqlite else f"sqlite:///{stack.folder / 'data' / 'tracer.db'}"
    database = Database(url)
    try:
        with database.engine.begin() as connection:
            for table, columns in {
                "shards": ("checkpoint_ms", "lease_until_ms"),
                "check_versions": ("from_ms", "created_ms"),
                "service_clock": ("serving_since_ms", "seen_ms"),
                "probe_instances": ("lease_until_ms", "seen_ms"),
                "roles": ("lease_until_ms",),
            }.items():
                changes = ", ".join(f"{column} = {column} - {TWO_DAYS_MS}" for column in columns)
                connection.execute(text(f"UPDATE {table} SET {changes}"))  # noqa: S608 - names from above
    finally:
        database.close()


def test_a_probe_replaced_gracefully_leaves_no_gap(stack: Stack, target: Target) -> None:
    first = stack.add_probe("probe-1")
    monitors = [stack.monitor(target.url, name=f"check {number}", interval=1) for number in range(10)]
    wait_for(lambda: all(newest_success(stack, monitor["id"]) for monitor in monitors), "first results")
    stack.add_probe("probe-2")
    assert first.stop() == 0
    stack.processes.pop("probe-1")
    stopped_ms = now_ms()
    wait_for(lambda: all(newest_success(stack, m["id"]) > stopped_ms + 3_000 for m in monitors), "the replacement")
    for monitor in monitors:
        assert {entry["status"] for entry in stack.api.history(monitor["id"])} == {"success"}
    assert max(target.hits.values()) == 1


def test_a_run_asked_for_by_hand_reaches_the_target_at_once(stack: Stack, target: Target) -> None:
    stack.add_probe("probe-1")
    monitor = stack.monitor(target.url, interval=3600)
    delays = []
    for _ in range(5):
        asked = time.monotonic()
        run = stack.api("POST", f"/v1/monitors/{monitor['id']}/run")["data"]["run_id"]
        wait_for(lambda run=run: target.hits[run], "the hit", 5)
        delays.append(time.monotonic() - asked)
    assert min(delays) < 0.3, f"a wake-up, not a poll: {delays}"

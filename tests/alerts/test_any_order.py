"""However results arrive, late, twice or out of order, what is stored in the end is the same (R5, R8)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import ErrorCode
from model.finished import Finished
from model.ids import phase_ms
from store.sessions import Database
from tests.alerts.recording import T0, add_check, everything, manual, measured, not_run, record_all

SLOT_MS = 7_000
"""Eight of them are a stretch of 56 s: short enough that all are rows, in whatever order they come."""
CODES = [ErrorCode.PROBE_OFFLINE, ErrorCode.NO_PROBE]
SLOT = st.tuples(
    st.sampled_from(["passed", "failed", "none"]),
    st.sampled_from(["", "not run", "began and lost"]),
    st.sampled_from(CODES),
    st.booleans(),
)


def _slot(organization: str, check: str, at_ms: int, slot: tuple[str, str, ErrorCode, bool]) -> list[Finished]:
    """What is said of one slot: at most one measured result, at most one word that it was not measured."""
    verdict, doubt, code, in_maintenance = slot
    said: list[Finished] = []
    if doubt == "not run":
        said.append(not_run(organization, check, at_ms, code, maintenance=in_maintenance))
    elif doubt:
        said.append(not_run(organization, check, at_ms, ErrorCode.NETWORK_UNAVAILABLE, started_ms=at_ms + 1))
    if verdict != "none":
        passed, slow = verdict == "passed", at_ms % 11 == 0
        duration = 10.1 + at_ms % 13 / 7
        result = measured(organization, check, at_ms, passed=passed, degraded=slow, duration_ms=duration)
        result.maintenance = in_maintenance and doubt == "not run"
        said.append(result)
    return said


def _stored(database: Database, organization: str, check: str, batches: list[list[Finished]]) -> dict[str, Any]:
    """All that is stored of a check after these batches, with the ids of the check taken out."""
    record_all(database, batches)
    kept = {
        name: [{**row, "check_id": "", "organization_id": ""} for row in rows if row["check_id"] == check]
        for name, rows in everything(database).items()
    }
    for run in kept["runs"] + kept["states"]:
        run.pop("id", None)
        run.pop("run_id", None)
    kept["runs"].sort(key=lambda run: (run["at_ms"], run["trigger"]))
    return kept


def _batched(results: list[Finished], shuffler: random.Random) -> list[list[Finished]]:
    batches: list[list[Finished]] = [[]]
    for result in results:
        if shuffler.random() < 0.4:
            batches.append([])
        batches[-1].append(result)
    return batches


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slots=st.lists(SLOT, min_size=1, max_size=8), shuffler=st.randoms(use_true_random=False))
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_any_order_and_repetition_stores_the_same(
    database: Database, organization: str, slots: list[tuple[str, str, ErrorCode, bool]], shuffler: random.Random
) -> None:
    _check_any_order(database, organization, slots, shuffler)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slots=st.lists(SLOT, min_size=1, max_size=8), shuffler=st.randoms(use_true_random=False))
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_any_order_and_repetition_stores_the_same_on_postgresql(
    database: Database, organization: str, slots: list[tuple[str, str, ErrorCode, bool]], shuffler: random.Random
) -> None:
    _check_any_order(database, organization, slots, shuffler)


def _check_any_order(
    database: Database, organization: str, slots: list[tuple[str, str, ErrorCode, bool]], shuffler: random.Random
) -> None:
    orderly, shuffled = add_check(database, organization), add_check(database, organization)
    said = [
        [result for at, slot in enumerate(slots) for result in _slot(organization, check, T0 + at * SLOT_MS, slot)]
        + [manual(organization, check, T0 + 3, run_id=f"run_{check}")]
        for check in (orderly, shuffled)
    ]
    expected = _stored(database, organization, orderly, [[result] for result in said[0]])
    disordered = said[1] + [result for result in said[1] if shuffler.random() < 0.5]
    shuffler.shuffle(disordered)
    assert _stored(database, organization, shuffled, _batched(disordered, shuffler)) == expected
    for rollup in expected["days"]:
        assert rollup["planned"] == rollup["success"] + rollup["failed"] + sum((rollup["unmeasured"] or {}).values())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    slots=st.lists(st.sampled_from(["passed", "late", "not run", "not run", "not run"]), min_size=20, max_size=60),
    shuffler=st.randoms(use_true_random=False),
)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_in_long_stretches_each_slot_still_counts_once(
    database: Database, organization: str, slots: list[str], shuffler: random.Random
) -> None:
    """Whether a slot is a row or inside a gap may depend on the order; the counts and the verdict never do."""
    check = add_check(database, organization, interval_ms=10_000)
    first = T0 + phase_ms(check, "local", 10_000)
    said: list[Finished] = []
    for at, slot in enumerate(slots):
        due = first + at * 10_000
        if slot != "passed":
            said.append(not_run(organization, check, due))
        if slot != "not run":
            said.append(measured(organization, check, due))
    swapped = _nearly_sorted(said, shuffler)
    stored = _stored(database, organization, check, _batched(swapped, shuffler))
    lost = slots.count("not run")
    day = {key: sum(row[key] for row in stored["days"]) for key in ("planned", "success")}
    assert day == {"planned": len(slots), "success": len(slots) - lost}
    assert sum(sum((row["unmeasured"] or {}).values()) for row in stored["hours"]) == lost
    unmeasured_rows = sum(run["status"] == "missed" for run in stored["runs"])
    assert unmeasured_rows + sum(gap["slots"] for gap in stored["gaps"]) == lost


def _nearly_sorted(said: list[Finished], shuffler: random.Random) -> list[Finished]:
    """Each a little out of its turn; what is late comes up to twenty places late; a third comes twice."""
    keyed = [
        (at + shuffler.random() * (20 if result.status == "success" else 3), result) for at, result in enumerate(said)
    ]
    keyed += [(key + 5 * shuffler.random(), result) for key, result in keyed if shuffler.random() < 0.3]
    return [result for _, result in sorted(keyed, key=lambda pair: pair[0])]

"""Artifacts: files that are stored once, tied to runs, and let go in the right order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from alerts.record import record
from model.evidence import Evidence
from model.times import DAY_MS, HOUR_MS
from store.artifact_files import LEFT_OVER_S, ArtifactFiles
from store.artifact_quota import AWAITED_MS, FAILURES_KEPT_MS, ArtifactQuota
from store.artifact_retention import ArtifactRetention
from store.artifact_tables import Artifact
from store.audit import UNAUDITED
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.tables import Organization, Run
from store.write_lock import Urgency
from tests.alerts.recording import measured, rows_of
from tests.api.wire import wait_until
from tests.conftest import Clock
from tests.store.artifacts import KB, Evidences

MakeEvidences = Callable[..., Evidences]


@pytest.fixture
def make(database: Database, organization: str, clock: Clock, tmp_path: Path) -> MakeEvidences:
    return lambda **given: Evidences(database, organization, clock, tmp_path / "data", **given)


@pytest.fixture
def yard(make: MakeEvidences) -> Evidences:
    return make()


def pass_over(yard: Evidences) -> None:
    """One whole pass of retention."""
    retention = ArtifactRetention(yard.database, yard.settings, yard.files, yard.quota)
    while retention.step():
        continue


def test_a_run_has_the_files_that_it_names(yard: Evidences) -> None:
    first, second = yard.upload(b"one"), yard.upload(b"two")
    run_id = yard.run(first, second)
    found = yard.of(run_id)
    assert [(row.sha256, row.step_index, row.size_bytes, row.type) for row in found] == [
        (first, 0, 3, "screenshot"),
        (second, 1, 3, "screenshot"),
    ]
    assert all(row.id.startswith("art_") for row in found)
    assert yard.files.path(yard.organization, str(first)).read_bytes() == b"one"


def test_a_file_that_never_came_costs_the_run_nothing_else(yard: Evidences) -> None:
    there = yard.upload(b"there")
    run_id = yard.run("f" * 64, there)
    assert [row.sha256 for row in yard.of(run_id)] == [there]
    assert rows_of(yard.database, Run)[0]["status"] == "success"


def test_the_same_content_is_stored_once_and_stays_while_one_run_needs_it(yard: Evidences, clock: Clock) -> None:
    runs = [yard.run(yard.upload(b"same")) for _ in range(3)]
    assert (yard.on_disk(), yard.counted()) == (4, 4)
    for run_id in runs[:2]:
        with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            assert yard.quota.forget_runs(session, [run_id]) == 0
    with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert yard.quota.forget_runs(session, runs[2:]) == 4
    assert (yard.on_disk(), yard.counted()) == (0, 0)


def test_content_of_another_organization_is_not_there(yard: Evidences, make_organization: Callable[[str], str]) -> None:
    """Whoever knows the digest of a file has not therefore got it."""
    other = make_organization("Other")
    digest = yard.upload(b"secret", other)
    assert not yard.quota.expect(yard.organization, str(digest))
    assert yard.of(yard.run(digest)) == []


def test_a_result_reported_twice_has_its_evidence_once(yard: Evidences, clock: Clock) -> None:
    digest = yard.upload(b"once")
    run_id = yard.run(digest)
    yard.run(digest, after_ms=0)
    assert len(yard.of(run_id)) == 1


def test_the_oldest_passed_runs_make_room_and_the_quota_is_never_exceeded(make: MakeEvidences) -> None:
    yard = make(quota_kb=500)
    failed = yard.journey(0, passed=False)
    passed = []
    for number in range(1, 40):
        passed.append(yard.journey(number))
        assert yard.on_disk() == yard.counted() <= 500 * KB
    assert len(yard.of(failed)) == 1
    assert [len(yard.of(run_id)) for run_id in passed] == [0] * 35 + [1] * 4


def test_evidence_of_failures_stays_for_a_day_even_if_nothing_new_fits(make: MakeEvidences, clock: Clock) -> None:
    yard = make(quota_kb=300)
    failures = [yard.journey(number, passed=False) for number in range(3)]
    assert yard.upload(b"x" * KB) is None
    clock.advance(FAILURES_KEPT_MS - 20_000 - 1)
    assert yard.upload(b"x" * KB) is None
    assert [len(yard.of(run_id)) for run_id in failures] == [1, 1, 1]
    clock.advance(2)
    assert yard.upload(b"x" * KB) is not None
    assert [len(yard.of(run_id)) for run_id in failures] == [0, 1, 1]


def test_a_file_larger_than_all_there_may_be_costs_nothing_else(make: MakeEvidences) -> None:
    yard = make(quota_kb=300)
    run_id = yard.journey(1)
    assert yard.upload(b"x" * 301 * KB) is None
    assert len(yard.of(run_id)) == 1


def test_what_is_arriving_counts_too(make: MakeEvidences) -> None:
    yard = make(quota_kb=300)
    with yard.quota.reserved(250 * KB):
        assert yard.upload(b"x" * 100 * KB) is None
    assert yard.upload(b"x" * 100 * KB) is not None


def test_a_file_waits_for_its_result_an_hour_and_then_makes_room(make: MakeEvidences, clock: Clock) -> None:
    yard = make(quota_kb=100)
    digest = yard.upload(b"x" * 100 * KB)
    assert yard.upload(b"y" * 100 * KB) is None
    clock.advance(AWAITED_MS + 1)
    assert yard.quota.expect(yard.organization, str(digest))  # sent again: it is awaited anew
    assert yard.upload(b"y" * 100 * KB) is None
    clock.advance(AWAITED_MS + 1)
    assert yard.upload(b"y" * 100 * KB) is not None


def test_a_file_that_was_sent_again_outlives_the_run_that_had_it(yard: Evidences) -> None:
    digest = str(yard.upload(b"again"))
    first = yard.run(digest)
    assert yard.quota.expect(yard.organization, digest)
    with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        yard.quota.forget_runs(session, [first])
    assert len(yard.of(yard.run(digest))) == 1


def test_a_row_whose_file_was_lost_is_mended_by_the_next_upload(yard: Evidences) -> None:
    digest = str(yard.upload(b"lost"))
    run_id = yard.run(digest)
    yard.files.remove(yard.organization, digest)
    assert not yard.quota.expect(yard.organization, digest)
    yard.upload(b"lost")
    assert yard.files.holds(yard.organization, digest, 4)
    assert (yard.counted(), len(yard.of(run_id))) == (4, 1)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_file_that_a_result_is_just_naming_is_not_removed_with_another_run(yard: Evidences, clock: Clock) -> None:
    """Two processes at one file: whoever makes room waits for the recording to end, and looks again."""
    digest = str(yard.upload(b"shared"))
    old = yard.run(digest)
    clock.advance(10_000)
    new = measured(
        yard.organization, yard.check, clock.now_ms, artifacts=(Evidence("screenshot", digest, "image/png", 6),)
    )

    def forget() -> None:
        with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            yard.quota.forget_runs(session, [old])

    forgetting = threading.Thread(target=forget)
    with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert record(session, [new], clock.now_ms) == []
        forgetting.start()
        wait_until(lambda: _waiting_for_locks(yard.database) == 1, "the other waits for the file")
    forgetting.join()
    assert yard.of(old) == []
    assert [row.sha256 for row in yard.of(new.run_id)] == [digest]
    assert yard.files.holds(yard.organization, digest, 6)


def _waiting_for_locks(database: Database) -> int:
    with database.read(EVERY_ORGANIZATION) as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return int(rows(session, query)[0][0])


def test_retention_takes_what_is_old_what_is_of_gone_runs_and_what_nobody_named(yard: Evidences, clock: Clock) -> None:
    old = yard.journey(1)
    clock.advance(29 * DAY_MS)
    deleted, kept = yard.journey(2), yard.journey(3, passed=False)
    yard.upload(b"never named")
    with yard.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(delete(Run).where(Run.id == deleted))
    clock.advance(DAY_MS + HOUR_MS)
    pass_over(yard)
    assert [len(yard.of(run_id)) for run_id in (old, deleted, kept)] == [0, 0, 1]
    assert yard.on_disk() == yard.counted() == 100 * KB


def test_retention_holds_a_quota_that_was_lowered(make: MakeEvidences, clock: Clock) -> None:
    yard = make(quota_kb=1000)
    runs = [yard.journey(number) for number in range(10)]
    yard.settings = yard.settings.model_copy(update={"artifacts_gb": 300 / 1e6})
    yard.quota = ArtifactQuota(yard.database, yard.settings, yard.files)
    pass_over(yard)
    assert yard.on_disk() == yard.counted() == 300 * KB
    assert [len(yard.of(run_id)) for run_id in runs] == [0] * 7 + [1] * 3


def test_what_a_crash_left_on_the_disk_is_swept_when_it_is_old(yard: Evidences) -> None:
    digest = str(yard.upload(b"known"))
    cut_off = yard.files.receive()
    cut_off.write(b"half of it")
    cut_off.finish()
    nobodys = yard.files.path(yard.organization, "a" * 64)
    nobodys.parent.mkdir(parents=True, exist_ok=True)
    nobodys.write_bytes(b"no row")
    pass_over(yard)
    assert cut_off.path.exists()
    assert nobodys.exists()
    long_ago = time.time() - LEFT_OVER_S - 60
    for path in (cut_off.path, nobodys, yard.files.path(yard.organization, digest)):
        os.utime(path, (long_ago, long_ago))
    pass_over(yard)
    assert not cut_off.path.exists()
    assert not nobodys.exists()
    assert yard.files.holds(yard.organization, digest, 5)


def test_an_organization_that_goes_takes_its_artifacts_along(yard: Evidences, clock: Clock) -> None:
    yard.journey(1)
    with yard.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(
            delete(Organization).where(Organization.id == yard.organization), execution_options={UNAUDITED: True}
        )
    assert rows_of(yard.database, Artifact) == []
    assert yard.counted() == 100 * KB
    for path in (yard.settings.data_dir / "artifacts").rglob("*"):
        os.utime(path, (1, 1))
    pass_over(yard)
    assert yard.counted() == yard.on_disk() == 0


@pytest.mark.parametrize(
    ("organization_id", "digest"),
    [("org_1", "../" * 20 + "etc/passwd"), ("org_1", "A" * 64), ("../..", "a" * 64), ("org_1", "a" * 63 + "\n")],
)
def test_no_path_is_made_of_what_is_no_digest(tmp_path: Path, organization_id: str, digest: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        ArtifactFiles(tmp_path).path(organization_id, digest)

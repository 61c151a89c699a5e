"""Runs of agents go whole, once nothing has come of them for so long; what belongs to them goes with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from api.services import services_of
from model.settings import Settings
from model.times import DAY_MS
from store.artifact_quota import AWAITED_MS, FAILURES_KEPT_MS
from store.artifact_retention import ArtifactRetention
from store.retention_size import used_bytes
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency
from telemetry.agents.stored.appending import GoneError, append_events
from telemetry.agents.stored.artifact_retention import REGISTERED_MS, AgentArtifactRetention
from telemetry.stored.retention import TelemetryRetention
from tests.api.client import Client
from tests.conftest import Clock
from tests.telemetry.agents.running import append, begin, event, replayed
from tests.telemetry.agents.uploading import PNG, kept, opened, register, send
from tests.telemetry.reporting import make_project

TABLES = ("agent_sessions", "agent_events", "agent_analyses", "agent_traces", "agent_ended")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", artifacts_gb=0.0004)


class Yard:
    """What is left of runs, and passes of retention over it."""

    def __init__(self, database: Database, app: Flask, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self.quota = services_of(app).artifact_quota

    def pass_over(self, **settings: Any) -> int:
        """Whole passes of all who let go; how many steps the first took."""
        steps = 0
        retention = TelemetryRetention(self.database, self.settings.model_copy(update=settings))
        while retention.step():
            steps += 1
        of_agents = AgentArtifactRetention(self.database, self.quota)
        of_journeys = ArtifactRetention(self.database, self.settings, self.quota.files, self.quota)
        while of_agents.step() or of_journeys.step():
            pass
        return steps

    def left(self) -> dict[str, int]:
        with self.database.telemetry.read(EVERY_ORGANIZATION) as session:
            return {table: rows(session, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}  # noqa: S608

    def files(self) -> int:
        return sum(path.is_file() for path in (self.settings.data_dir / "artifacts").rglob("*"))

    def counted(self) -> int:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return int(rows(session, "SELECT value FROM counters WHERE name = 'artifact_bytes'")[0][0])


@pytest.fixture
def yard(database: Database, app: Flask, settings: Settings) -> Yard:
    return Yard(database, app, settings)


def recorded(owner: Client, name: str, count: int = 3, **fields: Any) -> str:
    """A run with events, an analysis and a file of its own; the file's id."""
    begin(owner, session_id=name, **fields)
    append(owner, [event(number, payload={"name": name}) for number in range(1, count + 1)], to=name)
    assert owner("POST", f"/api/traces/{name}/analyze").status_code == 200
    return kept(owner, PNG + name.encode(), to=name)


def test_each_run_is_kept_as_long_as_its_project_says_or_its_organization(
    owner: Client, yard: Yard, clock: Clock
) -> None:
    for slug, days in (("short", 7), ("long", 90)):
        make_project(owner, slug=slug, retention_days=days)
    files = {name: recorded(owner, name, project_id=name) for name in ("short", "long")}
    files["none"] = recorded(owner, "none")
    append(owner, event(4, "end"), to="short", status=201)
    clock.advance(8 * DAY_MS)
    yard.pass_over()
    assert yard.left()["agent_ended"] == 2, "nobody has to look at it any more; the others may have fallen silent"
    assert owner("GET", "/api/traces/short/events").status_code == 404
    assert owner("GET", f"/artifacts/{files['short']}").status_code == 404
    for name in ("long", "none"):
        assert len(replayed(owner, name)) == 3
        with opened(owner, files[name]) as shown:
            assert shown.data == PNG + name.encode()
    clock.advance(23 * DAY_MS)
    yard.pass_over()
    assert [one["id"] for one in owner("GET", "/api/sessions").get_json()["sessions"]] == ["long"]
    assert yard.left() == {
        "agent_sessions": 1, "agent_events": 3, "agent_analyses": 1, "agent_traces": 0, "agent_ended": 1,
    }  # fmt: skip
    assert (yard.files(), yard.counted()) == (1, len(PNG) + len("long"))


def test_a_run_that_goes_on_is_kept_whole(owner: Client, yard: Yard, clock: Clock) -> None:
    recorded(owner, "a")
    clock.advance(29 * DAY_MS)
    append(owner, event(4), to="a", status=201)
    clock.advance(29 * DAY_MS)
    yard.pass_over()
    assert len(replayed(owner, "a")) == 4
    clock.advance(2 * DAY_MS)
    yard.pass_over()
    assert set(yard.left().values()) == {0}


def test_a_deleted_projects_runs_leave_nothing(owner: Client, yard: Yard) -> None:
    make_project(owner, slug="gone")
    recorded(owner, "a", project_id="gone")
    owner("DELETE", "/v1/projects/gone")
    yard.pass_over()
    assert set(yard.left().values()) == {0}
    assert (yard.files(), yard.counted()) == (0, 0)


def test_a_long_run_goes_in_small_writes(owner: Client, yard: Yard, clock: Clock) -> None:
    begin(owner, session_id="a")
    for first in range(1, 3_001, 1_000):
        append(owner, [event(number) for number in range(first, first + 1_000)], to="a")
    clock.advance(31 * DAY_MS)
    assert yard.pass_over() >= 3_000 // 500
    assert set(yard.left().values()) == {0}


def test_who_adds_to_a_run_that_has_just_gone_is_told_so(owner: Client, yard: Yard, organization: str) -> None:
    store = yard.database.telemetry
    with pytest.raises(GoneError), store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        append_events(session, organization, "none", [], 1)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_over_the_stores_size_the_oldest_run_goes(owner: Client, yard: Yard, clock: Clock) -> None:
    empty = used_bytes(yard.database.telemetry)
    for name in ("a", "b"):
        clock.advance(1_000)
        begin(owner, session_id=name)
        for first in range(1, 1_001, 500):
            append(owner, [event(n, payload={"text": f"{n}" * 99}) for n in range(first, first + 500)], to=name)
    full = used_bytes(yard.database.telemetry)
    yard.pass_over(telemetry_gb=(empty + (full - empty) * 0.75) / 1e9)
    assert [len(replayed(owner, name)) < 1_000 for name in ("a", "b")] == [True, False]
    yard.pass_over(telemetry_gb=(empty + (full - empty) * 0.25) / 1e9)
    assert [one["id"] for one in owner("GET", "/api/sessions").get_json()["sessions"]] == ["b"]


def test_what_was_registered_and_never_came_is_forgotten(owner: Client, yard: Yard, clock: Clock) -> None:
    begin(owner)
    artifact_id = register(owner).get_json()["artifact_id"]
    clock.advance(REGISTERED_MS)
    yard.pass_over()
    assert "not been uploaded" in owner("GET", f"/artifacts/{artifact_id}").get_json()["error"]["message"]
    clock.advance(1)
    yard.pass_over()
    assert "no such artifact" in owner("GET", f"/artifacts/{artifact_id}").get_json()["error"]["message"]
    assert register(owner).get_json()["artifact_id"] != artifact_id


def test_agents_files_count_and_make_room_once_they_are_a_day_old(owner: Client, yard: Yard, clock: Clock) -> None:
    begin(owner)
    first = kept(owner, PNG + bytes(200_000))
    assert (yard.counted(), yard.files()) == (200_000 + len(PNG), 1)
    second = PNG + bytes(250_000)
    clock.advance(FAILURES_KEPT_MS)
    assert send(owner, second).status_code == 507
    clock.advance(1)
    assert send(owner, second).status_code == 201
    assert owner("GET", f"/artifacts/{first}").status_code == 404
    assert (yard.counted(), yard.files()) == (len(second), 1)


def test_a_file_stays_while_a_run_needs_it(owner: Client, yard: Yard, clock: Clock) -> None:
    begin(owner)
    artifact_id = kept(owner)
    clock.advance(AWAITED_MS + 1)
    yard.pass_over()
    with opened(owner, artifact_id) as shown:
        assert shown.data == PNG

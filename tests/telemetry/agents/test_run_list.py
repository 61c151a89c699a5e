"""Runs as people look for them: by what was found, by name and by id, with when they happened by their own events."""

from __future__ import annotations

from typing import Any

import pytest

from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.agents.stored import run_list
from telemetry.agents.stored.run_list import RunFilter, count_newest, find_runs
from tests.api.client import Client
from tests.api.pages.agent_world import LOOP, analyze, record
from tests.telemetry.agents.recorded import START_MS, asks, ends, goes_wrong
from tests.telemetry.reporting import make_project


@pytest.fixture
def found(owner: Client, database: Database, organization: str) -> Any:
    """A function that lists ids: a run that loops, one that an error ended, one of a project, one not analyzed."""
    make_project(owner, "shop")
    record(owner, LOOP, "loops", name="Book A ROOM", agent="scheduler")
    record(owner, [asks(), goes_wrong(), ends("failed")], "Errs_1", agent="mailer")
    record(owner, [asks(), ends()], "fine", agent="mailer", project_id="shop")
    record(owner, [asks()], "goes_on", name="100 % ' done")
    for each in ("loops", "Errs_1", "fine"):
        analyze(owner, each)

    def ask(before: int | None = None, limit: int = 50, **wanted: Any) -> list[str]:
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            runs, _ = find_runs(session, organization, RunFilter(**wanted), before=before, limit=limit)
        return [run.id for run in runs]

    return ask


def test_they_are_found_by_what_they_are(found: Any) -> None:
    assert found() == ["goes_on", "fine", "Errs_1", "loops"]
    assert found(agent="mailer") == ["fine", "Errs_1"]
    assert found(status="running") == ["goes_on"]
    assert found(projects=[1]) == ["fine"]
    assert found(projects=[]) == []
    assert found(label="tool_loop") == ["loops"]
    assert found(label="unhandled_error", agent="mailer") == ["Errs_1"]
    assert found(label="loop") == [], "a label is whole"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("room", ["fine", "Errs_1", "loops"]), ("ROOM", ["fine", "Errs_1", "loops"]), ("errs", ["Errs_1"]),
        ("_", ["goes_on", "Errs_1"]), ("% '", ["goes_on"]), ("%", ["goes_on"]), ("nothing", []),
    ],
)  # fmt: skip
def test_a_text_is_looked_for_as_it_stands_in_name_and_id(found: Any, text: str, ids: list[str]) -> None:
    assert found(text=text) == ids


def test_pages_follow_one_another_while_more_begin(
    found: Any, owner: Client, database: Database, organization: str
) -> None:
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        first, following = find_runs(session, organization, RunFilter(), before=None, limit=3)
    assert [run.id for run in first] == ["goes_on", "fine", "Errs_1"]
    record(owner, [asks()], "newer")
    assert found(before=following, limit=3) == ["loops"]


def test_each_tells_its_own_times_and_what_was_found(found: Any, database: Database, organization: str) -> None:
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        runs, following = find_runs(session, organization, RunFilter(), before=None, limit=50)
    assert following is None
    loops, fresh = runs[-1], runs[0]
    assert (loops.first_at_ms, loops.last_at_ms) == (START_MS, START_MS + (len(LOOP) - 1) * 1_300)
    assert "tool_loop" in (loops.labels or "").split()
    assert fresh.summary is None


def test_the_newest_are_counted_by_agent_and_status(
    found: Any, database: Database, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts(projects: list[int] | None = None, **narrowed: str) -> list[tuple[str, str, int]]:
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            wanted = RunFilter(projects, **narrowed)
            return [(each.agent, each.status, each.count) for each in count_newest(session, organization, wanted)]

    assert counts() == [
        ("mailer", "completed", 1), ("mailer", "failed", 1), ("scheduler", "failed", 1), ("scheduler", "running", 1),
    ]  # fmt: skip
    assert counts(status="failed") == [("mailer", "failed", 1), ("scheduler", "failed", 1)]
    assert counts(label="tool_loop") == [("scheduler", "failed", 1)]
    assert counts([1]) == [("mailer", "completed", 1)]
    monkeypatch.setattr(run_list, "MOST_COUNTED", 1)
    assert counts() == [("scheduler", "running", 1)]

"""Owners with a channel, a world of checks and probes, and a clock that stops the API or lets it serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from alerts.self_watch.watching import Watch, Watching
from model.settings import Settings
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.conftest import Clock
from tests.scheduler.world import World

Pass = Callable[..., None]
STEP_MS = 2_500
"""Often enough for an API to be seen to serve."""


@pytest.fixture
def owners(database: Database, clock: Clock, organization: str) -> Owners:
    return Owners(database, clock, organization)


@pytest.fixture
def world(database: Database, clock: Clock, organization: str) -> World:
    return World(database, clock, organization)


@pytest.fixture
def watches() -> Sequence[Watch]:
    """What is looked at; a test file says which."""
    raise NotImplementedError


@pytest.fixture
def watching(watches: Sequence[Watch], tmp_path: Path) -> Watching:
    return Watching(watches, Settings(data_dir=tmp_path, public_url="https://tracer.example"))


@pytest.fixture
def let_pass(database: Database, clock: Clock, watching: Watching) -> Pass:
    """A function that lets seconds pass, a look every five of them; the API serves meanwhile, unless told otherwise,
    and `keeping` is called as often as it says so."""

    def passing(seconds: int, *, serving: bool = True, keeping: Callable[[], object] = lambda: None) -> None:
        for step in range(1, round(seconds * 1_000 / STEP_MS) + 1):
            clock.advance(STEP_MS)
            keeping()
            if serving:
                with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                    beat(session, clock.now_ms)
            if step * STEP_MS % 5_000 == 0:
                watching(database)

    return passing

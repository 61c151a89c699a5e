"""Fixtures of the scheduler's tests."""

from __future__ import annotations

import pytest

from store.sessions import Database
from tests.conftest import Clock
from tests.scheduler.world import World


@pytest.fixture
def world(database: Database, clock: Clock, organization: str) -> World:
    return World(database, clock, organization)

"""A world whose time is virtual, for every test of sending."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alerts.channels.registry import CHANNELS
from alerts.sending import lane, sender
from store.sessions import Database
from tests.alerts.sending.bench import ForPeople, ForPrograms, World
from tests.conftest import Clock


class _Time:
    """Stands in for the module `time` where the sender looks at the monotonic clock."""

    def __init__(self, world: World) -> None:
        self.monotonic = world.loop.time


@pytest.fixture
def world(database: Database, clock: Clock, organization: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(database, clock, organization)
    for kind in (ForPeople, ForPrograms):
        monkeypatch.setitem(CHANNELS, kind.type, kind)
    for module in (lane, sender):
        monkeypatch.setattr(module, "time", _Time(made))
    yield made
    made.loop.close()

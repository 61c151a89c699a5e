"""A stack of real processes on either store, and the ledger's target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase
from tests.system.ledger import Target
from tests.system.stack import Stack


@pytest.fixture
def target() -> Iterator[Target]:
    server = Target()
    yield server
    server.close()


@pytest.fixture
def make_stack(store: str, make_database_url: MakeDatabase, tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """A function that starts a whole Tracer; a `sabotage` names a broken build, `settings` are of its environment."""
    stacks: list[Stack] = []

    def make(sabotage: str = "", **settings: str) -> Stack:
        folder = tmp_path / f"stack{len(stacks)}"
        (folder / "data").mkdir(parents=True)
        url = make_database_url()
        if store == "sqlite":
            for ending in ("", "-telemetry"):
                file = Path(url.removeprefix("sqlite:///"))
                file.with_stem(file.stem + ending).rename(folder / "data" / f"tracer{ending}.db")
        stacks.append(Stack(url, folder, sabotage=sabotage, **settings))
        return stacks[-1].start()

    yield make
    for stack in stacks:
        stack.close()


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    return make_stack()

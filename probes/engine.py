"""The check types of the registry, behind the one face that the worker knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from model.settings import Settings
from probes.attempts import CheckEngine


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[CheckEngine]:
    """The engine of this process, closed at the end."""
    raise NotImplementedError(settings)
    yield

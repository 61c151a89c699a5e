"""Tells the API how far journeys have come, for who looks on: twice a second at most, and only what is new.

A word that is lost is lost: the next one says all of it again, and the result is the truth. No run ever waits for it.
An API too old to listen is asked again once in a while.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Protocol

import msgspec

from model.evidence import StepResult
from model.protocol import PROTOCOL, ProgressBatch, ResultAnswer, RunProgress, StepName
from probes.attempts import Execution
from probes.held import HeldRun

PATH = "/v1/probe/progress"
EVERY_S = 0.5
_TIMEOUT_S = 3.0
_UNHEARD_S = 2.0
_LONGEST_UNHEARD_S = 60.0
_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(ResultAnswer)


class Following(Protocol):
    """Who wants to know how far journeys have come."""

    def follow(self, execution: Execution) -> None: ...

    def forget(self, run: HeldRun) -> None: ...


class _Nobody:
    def follow(self, execution: Execution) -> None: ...

    def forget(self, run: HeldRun) -> None: ...


NOBODY_LOOKS = _Nobody()


class Line(Protocol):
    """The way to the API (probes/connection.py)."""

    async def tell(self, path: str, body: bytes, timeout_s: float) -> bytes | None: ...


class _Walk:
    """A journey on its way. `attempt`: the one that `steps` are of; `told`: the API knows all of this."""

    __slots__ = ("attempt", "execution", "outline", "steps", "told")

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.outline = [
            StepName(step.type, step.name) for step in getattr(execution.definition.check, "steps", None) or ()
        ]
        self.attempt = 1
        self.steps: list[StepResult] = []
        self.told = False


class Progress:
    """`run` until cancelled; everything on one loop."""

    def __init__(self, line: Line, instance: str) -> None:
        self._line = line
        self._instance = instance
        self._walks: dict[str, _Walk] = {}
        self._news = asyncio.Event()

    def follow(self, execution: Execution) -> None:
        """From its first attempt to its last, until it is forgotten."""
        walk = self._walks[execution.run.run_id] = _Walk(execution)
        execution.run.on_step = partial(self._ended, walk)
        self._news.set()

    def forget(self, run: HeldRun) -> None:
        """Its result says more, or somebody else walks it."""
        self._walks.pop(run.run_id, None)

    async def run(self) -> None:
        unheard_s = _UNHEARD_S
        while True:
            await self._news.wait()
            self._news.clear()
            if await self._tell():
                unheard_s = _UNHEARD_S
                await asyncio.sleep(EVERY_S)
            else:
                await asyncio.sleep(unheard_s)
                unheard_s = min(2 * unheard_s, _LONGEST_UNHEARD_S)

    def _ended(self, walk: _Walk, step: StepResult) -> None:
        attempt = len(walk.execution.attempts) + 1
        if attempt != walk.attempt:
            walk.attempt, walk.steps = attempt, []
        if step.index != len(walk.steps):
            return
        walk.steps.append(StepResult(step.index, step.type, step.status, step.name, step.duration_ms))
        walk.told = False
        self._news.set()

    async def _tell(self) -> bool:
        """Whether somebody listened, or there was nothing to say."""
        fresh = [walk for walk in self._walks.values() if not walk.told]
        if not fresh:
            return True
        for walk in fresh:
            walk.told = True
        now = time.monotonic()
        batch = ProgressBatch(PROTOCOL, self._instance, [_progress(walk, now) for walk in fresh])
        answer = await self._line.tell(PATH, _encode(batch), _TIMEOUT_S)
        if answer is None:
            for walk in fresh:
                walk.told = False
            self._news.set()
            return False
        for refusal in _refused(answer):
            self._walks.pop(refusal, None)
        return True


def _progress(walk: _Walk, now: float) -> RunProgress:
    run, place = walk.execution.run, len(walk.steps)
    failed = any(step.status != "success" for step in walk.steps)
    return RunProgress(
        run_id=run.run_id,
        dispatch_id=run.dispatch.dispatch_id,
        token=run.dispatch.token,
        check_id=run.check_id,
        check_version=walk.execution.definition.version,
        total=len(walk.outline),
        attempt=walk.attempt,
        elapsed_ms=round((now - walk.execution.tried_at) * 1000),
        steps=tuple(walk.steps),
        under_way=walk.outline[place] if place < len(walk.outline) and not failed else None,
    )


def _refused(answer: bytes) -> list[str]:
    try:
        return [refusal.run_id for refusal in _decoder.decode(answer).refused]
    except msgspec.DecodeError:
        return []

"""`journey`: walked by a browser in a process of its own (journeys/), so that nothing a page does holds up a check."""

from __future__ import annotations

import asyncio

from journeys.definition import JourneyCheck
from model.errors import ErrorCode
from model.outcome import Outcome, RunError, RunStatus
from probes.context import RunContext


async def run(check: JourneyCheck, context: RunContext) -> Outcome:
    """One attempt, over KILL_AFTER_S after the context's deadline at the latest."""
    if context.browsers is None:
        return Outcome(RunStatus.UNKNOWN, error=RunError(ErrorCode.INTERNAL, "this probe has no browser"))
    definition = check.model_dump_json(by_alias=True, exclude_none=True).encode()
    left_s = context.deadline - asyncio.get_running_loop().time()
    return await context.browsers.walk(definition, context.run_id, left_s, context.overrides, context.on_step)

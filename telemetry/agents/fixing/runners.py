"""Who proposes a fix: a program of the operator's, which is told of an incident and answers a plan and a diff.

What it says is judged by others (diffs.py, applying.py). It gets nothing of ours but what stands on its standard input:
no environment, an empty folder to work in, no shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol

import msgspec
import structlog
from msgspec import Meta

from telemetry.agents.fixing.programs import Program, ProgramError, Programs

MOST_OUTPUT = 1 << 20
"""Bytes of its answer."""
_log = structlog.get_logger(__name__)


class Proposal(msgspec.Struct, frozen=True):
    """`plan`: what to do, one thing after the other. `diff`: unified, as git makes them; None where it has none."""

    plan: Annotated[list[Annotated[str, Meta(min_length=1, max_length=2_000)]], Meta(min_length=1, max_length=50)]
    diff: str | None


class RunnerError(Exception):
    """There is no proposal: the text is a sentence without its stop."""


class FixAgentRunner(Protocol):
    """Whatever makes proposals for incidents."""

    def propose(self, incident: dict[str, Any]) -> Proposal:
        """Takes as long as it takes. RunnerError."""


class CommandRunner:
    """`words`: the program and its arguments. Threads may share it."""

    def __init__(self, words: Sequence[str], timeout_s: float, programs: Programs) -> None:
        self._words = list(words)
        self._timeout_s = timeout_s
        self._programs = programs

    def propose(self, incident: dict[str, Any]) -> Proposal:
        asked = msgspec.json.encode(incident)
        with self._programs.scratch("tracer-fix-") as folder:
            program = Program(
                words=self._words, folder=folder, timeout_s=self._timeout_s, given=asked, most=MOST_OUTPUT
            )
            try:
                ended = self._programs.run(program)
            except ProgramError as error:
                raise RunnerError(f"TRACER_FIX_COMMAND {error}") from None
        if ended.complaint:
            _log.info("fix.command_said", stderr=ended.complaint)
        if ended.code:
            raise RunnerError(f"TRACER_FIX_COMMAND ended with the exit code {ended.code}")
        try:
            proposal = msgspec.json.decode(ended.said, type=Proposal)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RunnerError(f"TRACER_FIX_COMMAND did not answer a plan and a diff as JSON: {error}"[:300]) from None
        if any("\0" in line for line in proposal.plan):
            raise RunnerError("TRACER_FIX_COMMAND answered a plan with a NUL character")
        return proposal

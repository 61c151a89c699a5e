"""The end of what somebody waited for: the report, what is printed, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

import click
import msgspec

from cli.ci.junit import report
from cli.ci.lines import print_results
from cli.ci.results import ExitCode, JourneyResult, verdict
from cli.tables import console_of, print_json

Cut = Literal["time", "lost", "interrupted"]
"""What ended the waiting before the runs had ended: the time was up, Tracer answers no more, Ctrl-C."""


@dataclass(frozen=True)
class Ending:
    """`suite`: the tag, or what stands in its place. `host`: of the Tracer that was asked. `told_steps`: each step was
    shown as it ended."""

    results: Sequence[JourneyResult]
    suite: str
    host: str = "localhost"
    batch_id: str | None = None
    cut: Cut | None = None
    told_steps: bool = False

    @property
    def code(self) -> ExitCode:
        """What is known to have failed counts, also when the rest will never be known; but who interrupts has asked
        for no verdict."""
        if self.cut == "interrupted":
            return ExitCode.INTERRUPTED
        code = verdict(self.results)
        return ExitCode.NOTHING_RUN if self.cut == "lost" and code is ExitCode.NOT_MEASURED else code


def forget(junit: Path | None) -> None:
    """Remove the report of an earlier run: whatever happens now, nobody is to read that one."""
    if junit is not None:
        with suppress(OSError):  # what can't be removed can't be written either, which is told then
            junit.unlink(missing_ok=True)


def end(ending: Ending, *, junit: Path | None, as_json: bool) -> NoReturn:
    """Say it, write it, and leave with the exit code."""
    code = _written(junit, _report(ending), ending.code)
    if as_json:
        runs = [plain(result) for result in ending.results]
        print_json({"batch_id": ending.batch_id, "exit_code": int(code), "runs": runs})
    else:
        print_results(console_of(), ending.results, steps=not ending.told_steps)
    sys.exit(code)


def end_before(reason: str, code: ExitCode, *, suite: str, junit: Path | None) -> NoReturn:
    """Leave before anything has run; the report, if one is wanted, says why it is empty."""
    sys.exit(_written(junit, report(suite, (), host="localhost", started_at=_now(), facts={}, problem=reason), code))


def _written(junit: Path | None, data: bytes, code: ExitCode) -> ExitCode:
    if junit is not None:
        try:
            junit.write_bytes(data)
        except OSError as error:
            click.secho(f"{junit} can't be written: {error.strerror}", fg="red", err=True)
            return code or ExitCode.NOTHING_RUN
    return code


def plain(result: JourneyResult) -> Any:
    """As JSON."""
    return msgspec.to_builtins(result)


def _report(ending: Ending) -> bytes:
    began = [result.started_at for result in ending.results if result.started_at]
    return report(
        ending.suite,
        ending.results,
        host=ending.host,
        started_at=min(began)[:19] if began else _now(),
        facts={} if ending.batch_id is None else {"batch": ending.batch_id},
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()[:19]

"""The end of what somebody waited for: the report, what is printed, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from cli.ci.junit import report
from cli.ci.lines import print_results
from cli.ci.results import ExitCode, JourneyResult, verdict
from cli.tables import console_of, print_json


@dataclass(frozen=True)
class Ending:
    """`suite`: the tag, or what stands in its place. `host`: of the Tracer that was asked. `lost`: it answers no
    more."""

    results: Sequence[JourneyResult]
    suite: str
    host: str = "localhost"
    batch_id: str | None = None
    lost: bool = False

    @property
    def code(self) -> ExitCode:
        """What is known to have failed counts, also when the rest will never be known."""
        code = verdict(self.results)
        return ExitCode.NOTHING_RUN if self.lost and code is ExitCode.NOT_MEASURED else code


def end(ending: Ending, *, junit: Path | None, as_json: bool) -> NoReturn:
    """Say it, write it, and leave with the exit code."""
    code = ending.code
    if junit is not None:
        try:
            junit.write_bytes(_report(ending))
        except OSError as error:
            click.secho(f"{junit} can't be written: {error.strerror}", fg="red", err=True)
            code = code or ExitCode.NOTHING_RUN
    if as_json:
        runs = [plain(result) for result in ending.results]
        print_json({"batch_id": ending.batch_id, "exit_code": int(code), "runs": runs})
    else:
        print_results(console_of(), ending.results)
    sys.exit(code)


def plain(result: JourneyResult) -> Any:
    """As JSON."""
    return msgspec.to_builtins(result)


def _report(ending: Ending) -> bytes:
    began = [result.started_at for result in ending.results if result.started_at]
    return report(
        ending.suite,
        ending.results,
        host=ending.host,
        started_at=(min(began) if began else datetime.now(UTC).isoformat())[:19],
        facts={} if ending.batch_id is None else {"batch": ending.batch_id},
    )

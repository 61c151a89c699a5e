"""`tracer journeys run --file`: a journey from a file, walked by a browser of this machine, with no server at all."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click
import msgspec
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from cli.as_code.document import Document, InvalidFileError, Problem, read_document
from cli.ci.keeping import Keeping
from cli.ci.lines import step_line
from cli.ci.results import JourneyResult, as_status
from cli.environment import nets_by_hand, read_settings
from journeys.chromium import find
from journeys.definition import JourneyCheck
from journeys.errors import BrowserMissingError
from journeys.pool import BrowserPool
from journeys.variables import undefined
from model.evidence import StepResult
from model.ids import run_id_by_hand
from model.protocol import RunOverrides
from model.secrets import MASK, split
from model.times import iso
from model.validation import field_errors

HERE = "this machine"
_ELSEWHERE = ("depends_on", "locations")
"""Fields that say nothing here, and may hold what only a Tracer understands."""
_CHILD = (sys.executable, "-m", "journeys.child", "--in-words")


class NothingRunError(Exception):
    """The file or the browser is not usable. `lines`: what exactly, one each."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = lines


@dataclass(frozen=True)
class Walked:
    """`interrupted`: by Ctrl-C; what had not ended by then is among the results all the same."""

    results: Sequence[JourneyResult]
    interrupted: bool = False


def run_file(
    file: IO[str], variables: Mapping[str, str], base_url: str | None, folder: Path | None, *, headed: bool
) -> Walked:
    """Walks the journey, or each of the file's `journeys:`, once. Evidence of all goes to `folder`; with none, that of
    journeys that did not pass to a new one beside other temporary files. Raises NothingRunError."""
    try:
        document = read_document(file.name, _text_of(file), os.environ)
        journeys = journeys_of(document, variables)
    except InvalidFileError as error:
        lines = [f"{file.name}:{problem.line}: {problem.text}" for problem in error.problems]
        raise NothingRunError("Nothing was run", lines) from None
    try:
        find()
    except BrowserMissingError as error:
        raise NothingRunError(str(error)) from None
    keeping = Keeping(folder)
    overrides = RunOverrides(dict(variables), base_url)
    walked: list[JourneyResult] = []
    interrupted = False
    try:
        asyncio.run(_walk_all(journeys, overrides, keeping, walked, headed=headed))
    except KeyboardInterrupt:
        interrupted = True
        click.secho("Interrupted; the browser is closed.", fg="yellow", err=True)
        cut = {"code": "interrupted", "message": "it was interrupted"}
        walked += [JourneyResult(journey.name, HERE, error=cut) for journey in journeys[len(walked) :]]
    if keeping.folder is not None:
        click.echo(f"Evidence is in {keeping.folder}; `playwright show-trace` opens a trace.zip", err=True)
    return Walked(walked, interrupted)


def journeys_of(document: Document, variables: Mapping[str, str]) -> list[JourneyCheck]:
    """The file is one journey, or has `journeys:` as `tracer apply` takes them. Raises InvalidFileError."""
    data = document.data
    listed = data.get("journeys") if isinstance(data, dict) and "journeys" in data else None
    if listed is None:
        entries = [("", data)]
    else:
        entries = [(f"journeys.{n}", each) for n, each in enumerate(listed if isinstance(listed, list) else ())]
    problems: list[Problem] = []
    found = []
    for place, entry in entries:
        try:
            found.append(_journey(entry, variables))
        except _UnusableError as error:
            for path, said in error.fields.items():
                whole = ".".join(part for part in (place, path) if part)
                problems.append(Problem(document.line(whole), f"{whole}: {said}" if whole else said))
    if not entries:
        problems.append(Problem(document.line("journeys"), "journeys must be a list with one journey at least"))
    if problems:
        raise InvalidFileError(problems)
    return found


class _UnusableError(Exception):
    """`fields`: what is wrong, by path."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(str(fields))
        self.fields = fields


def _journey(entry: Any, variables: Mapping[str, str]) -> JourneyCheck:
    if not isinstance(entry, dict):
        raise _UnusableError({"": "must be a journey: an object with a name and steps"})
    try:
        journey = JourneyCheck.model_validate({name: v for name, v in entry.items() if name not in _ELSEWHERE})
    except ValidationError as error:
        raise _UnusableError({path: "; ".join(said) for path, said in field_errors(error).items()}) from None
    _, secrets = split(journey.model_dump(mode="json", by_alias=True))
    masked = [p for p, value in secrets.items() if value == MASK and p.removeprefix("variables.") not in variables]
    if masked:
        said = "is ********, and its value is not known here: give it with --var, or as ${NAME} from the environment"
        raise _UnusableError(dict.fromkeys(masked, said))
    missing = undefined(journey.steps, {*journey.variables, *variables})
    if missing:
        raise _UnusableError(
            {
                f"steps.{use.at}": f"nothing defines {{{{{use.name}}}}}: give it with --var {use.name}=…"
                for use in missing
            }
        )
    return journey


async def _walk_all(
    journeys: Sequence[JourneyCheck],
    overrides: RunOverrides,
    keeping: Keeping,
    walked: list[JourneyResult],
    *,
    headed: bool,
) -> None:
    """Adds to `walked` as each ends: an interruption loses none of them."""
    allowed = ",".join(nets_by_hand(read_settings()))
    with tempfile.TemporaryDirectory(prefix="tracer-browser-", ignore_cleanup_errors=True) as home:
        command = (*_CHILD, "--headed") if headed else _CHILD
        pool = BrowserPool(Path(home) / "pool", 1, {"TRACER_ALLOW_NETS": allowed}, command)
        try:
            for journey in journeys:
                result = await _walk(pool, journey, overrides, Path(home) / "evidence", keeping)
                walked.append(result)
        finally:
            await pool.close()


async def _walk(
    pool: BrowserPool, journey: JourneyCheck, overrides: RunOverrides, found: Path, keeping: Keeping
) -> JourneyResult:
    console = Console(stderr=True)
    console.print(Text(journey.name, style="bold"))
    definition = journey.model_dump_json(by_alias=True, exclude_none=True).encode()
    started_at = iso(round(datetime.now(UTC).timestamp() * 1000))

    def told(step: StepResult) -> None:
        console.print(Text(f"  {step_line(msgspec.to_builtins(step))}"), soft_wrap=True)

    outcome = await pool.walk(definition, run_id_by_hand(), journey.timeout, overrides, told)
    result = JourneyResult(
        journey.name,
        HERE,
        as_status(outcome.status),
        duration_ms=outcome.duration_ms,
        started_at=started_at,
        error=None if outcome.error is None else msgspec.to_builtins(outcome.error),
        steps=[msgspec.to_builtins(step) for step in outcome.steps],
    )
    return keeping.keep(result, outcome, found)


def _text_of(file: IO[str]) -> str:
    try:
        return file.read()
    except (UnicodeDecodeError, OSError) as error:
        raise click.UsageError(f"{file.name} can't be read: {error}") from None

"""`tracer apply` and `tracer export`: monitors, journeys, rules and channels as a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, NoReturn

import click

from cli.as_code.carrying_out import Done, StoppedError, carry_out
from cli.as_code.document import InvalidFileError, read_document
from cli.as_code.exporting import doubles, exported
from cli.as_code.plan import Plan, plan_of
from cli.as_code.showing import print_plan
from cli.as_code.stored import Stored, read_stored
from cli.as_code.untold import untold
from cli.client import ApiError, Client
from cli.resources import print_refusal
from cli.tables import console_of

_OUTCOMES = ("created", "changed", "unchanged", "deleted")


@click.command()
@click.argument("given", type=click.File(encoding="utf-8"), metavar="FILE", required=False)
@click.option("-f", "--file", "also", type=click.File(encoding="utf-8"), help="The same as FILE.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option("--prune", is_flag=True, help="Delete what is stored, but missing from the sections that the file has.")
@click.option("--yes", "expected", type=click.IntRange(0), help="With --prune: so many deletions are meant.")
def apply(given: IO[str] | None, also: IO[str] | None, dry_run: bool, prune: bool, expected: int | None) -> None:
    """Make what is stored what FILE says: YAML with monitors, journeys, rules and channels, matched by name.

    Shows what would be created, changed and deleted before anything is. Only --prune deletes; it asks for the number of
    deletions first, or takes it from --yes. Exit code 2: the file is invalid, with its line for each problem.
    """
    if expected is not None and not prune:
        raise click.UsageError("--yes goes with --prune: nothing else deletes anything")
    file = given or also
    if file is None or (given and also):
        raise click.UsageError("name one FILE")
    client = Client()
    try:
        document = read_document(file.name, _text_of(file), os.environ)
        plan = plan_of(document, _stored(client), prune=prune)
    except InvalidFileError as error:
        _refuse(file.name, error)
    print_plan(console_of(), plan, untold(plan))
    if dry_run:
        click.echo("Nothing was changed: this was a dry run.")
        return
    if plan.of("delete"):
        _confirm(len(plan.of("delete")), expected)
    elif expected:
        _stop(f"--yes {expected} was given, but nothing would be deleted")
    try:
        _report(carry_out(plan, client))
    except StoppedError as stopped:
        _report_stop(plan, stopped)


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
def export(output: Path | None) -> None:
    """Write what is stored as a file for `tracer apply`, with secrets masked."""
    stored = _stored(Client())
    text = exported(stored)
    for line in doubles(stored):
        click.secho(f"note: {line}", fg="yellow", err=True)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} can't be written: {error.strerror}") from None


def _text_of(file: IO[str]) -> str:
    try:
        return file.read()
    except (UnicodeDecodeError, OSError) as error:
        raise click.UsageError(f"{file.name} can't be read: {error}") from None


def _stored(client: Client) -> Stored:
    try:
        return read_stored(client)
    except ApiError as error:
        print_refusal(error)
        sys.exit(2)


def _refuse(name: str, error: InvalidFileError) -> NoReturn:
    for problem in error.problems:
        click.echo(f"{name}:{problem.line}: {problem.text}", err=True)
    count = len(error.problems)
    _stop(f"Nothing was changed: {name} has {count} problem{'' if count == 1 else 's'}")


def _stop(message: str) -> NoReturn:
    click.secho(message, fg="red", err=True)
    sys.exit(2)


def _confirm(count: int, expected: int | None) -> None:
    """No deletion happens whose number was not said by a person, or by whoever wrote the pipeline."""
    things = f"{count} deletion{'' if count == 1 else 's'}"
    if expected is None and not _by_a_person():
        _stop(f"Nothing was changed: the plan has {things}. If they are meant, add --yes {count}")
    if expected is None:
        expected = click.prompt("How many deletions do you want? Type the number", type=int)
    if expected != count:
        _stop(f"Nothing was changed: the plan has {things}, not {expected}")


def _by_a_person() -> bool:
    return sys.stdin.isatty()


def _report(done: Done) -> None:
    for name, secret in done.signing.items():
        click.echo(f"Signing secret of the webhook {name}, shown only now: {secret}")
    for warning in dict.fromkeys(done.warnings):
        click.secho(f"note: {warning}", fg="yellow", err=True)
    click.echo(f"Done: {', '.join(f'{done.counts[outcome]} {outcome}' for outcome in _OUTCOMES)}")


def _report_stop(plan: Plan, stopped: StoppedError) -> NoReturn:
    step, document = stopped.step, plan.document
    _report(stopped.done)
    whose = f"{step.section.noun} {step.name!r}"
    where = f"{document.name}:{document.line(step.place)}: " if step.place else ""
    for path, messages in (stopped.error.fields or {"": [str(stopped.error)]}).items():
        at = f"{document.name}:{document.line(f'{step.place}.{path}')}: " if step.place and path else where
        click.echo(at + ": ".join(part for part in (whose, path, "; ".join(messages)) if part), err=True)
    _stop("Stopped there: what stands above is done, the rest is not. Apply the file again when this is mended")

"""`tracer journeys import`: a script that `playwright codegen` wrote becomes a journey."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
import yaml
from pydantic import ValidationError

from cli.resources import ask, json_option, show_answer
from cli.tables import print_json

if TYPE_CHECKING:
    from journeys.recording.script import Recording


@click.command("import")
@click.argument("script", type=click.File(encoding="utf-8"))
@click.option("--name", help="Of the journey. Default: the file's.")
@click.option("--tag", "tags", multiple=True, help="Repeatable.")
@click.option("--location", "locations", multiple=True, help="Where it runs; repeatable. Default: the organization's.")
@click.option("--save", is_flag=True, help="Create it over REST; paused, if lines were left out. Default: print YAML.")
@click.option("--force", is_flag=True, help="With --save: let it run also when lines were left out.")
@json_option
def import_(
    script: IO[str],
    name: str | None,
    tags: tuple[str, ...],
    locations: tuple[str, ...],
    save: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Make a journey of SCRIPT, which `playwright codegen --target python` (or python-async, python-pytest) wrote.

    The script is read, never run. Each line that could not be taken is named; a journey that lacks some is saved
    paused, so that nobody relies on what it does not check. What is typed into fields for passwords becomes variables,
    which are stored as secrets.
    """
    if force and not save:
        raise click.UsageError("--force goes with --save")
    from journeys.recording.script import NoScriptError, read_script  # every step's code: no other command needs it

    source = _text_of(script)
    try:
        recording = read_script(source)
    except NoScriptError as error:
        raise click.UsageError(f"{script.name} can't be taken: {error}") from None
    _say(script.name, source, recording)
    named = name or _name_of(script.name)
    journey: dict[str, Any] = {"name": named, **recording.fields, "steps": recording.steps}
    extra = {"variables": recording.variables, "tags": list(tags), "locations": list(locations)}
    journey |= {field: value for field, value in extra.items() if value}
    _refuse_invalid(script.name, journey)
    missing = _missing(script.name, recording)
    if missing:
        click.secho(missing, fg="red", bold=True, err=True)
    if save:
        _save(journey, as_json, paused=bool(missing) and not force)
    elif as_json:
        print_json(journey)
    else:
        if missing:
            click.echo(
                f"# {missing}\n" + "".join(f"#   line {line}: {text}\n" for line, text in recording.left), nl=False
            )
        click.echo(yaml.safe_dump(journey, sort_keys=False, allow_unicode=True, width=110), nl=False)


def _missing(script: str, recording: Recording) -> str:
    """What somebody must know before they rely on it; empty when every line was taken."""
    count = len(recording.left)
    lines = "1 line" if count == 1 else f"{count} lines"
    was = "was" if count == 1 else "were"
    return f"{lines} of {script} {was} not taken: the journey checks less than the script did." if count else ""


def _save(journey: dict[str, Any], as_json: bool, *, paused: bool) -> None:
    envelope = ask("POST", "/v1/journeys", {**journey, "status": "paused"} if paused else journey)
    show_answer(envelope, as_json)
    if paused:
        id_ = envelope["data"]["id"]
        click.secho(
            f"Saved paused, as it lacks lines of the script. Look at it, then `tracer journeys resume {id_}`; "
            "--force would have let it run.",
            fg="yellow", err=True,
        )  # fmt: skip


def _text_of(script: IO[str]) -> str:
    try:
        return script.read()
    except (UnicodeDecodeError, OSError) as error:
        raise click.UsageError(f"{script.name} can't be read: {error}") from None


def _name_of(path: str) -> str:
    """`test_log_in.py` -> `log in`."""
    stem = Path(path).stem if path not in ("<stdin>", "-") else ""
    return stem.removeprefix("test_").replace("_", " ").strip() or "Recorded journey"


def _say(name: str, source: str, recording: Recording) -> None:
    lines = source.splitlines()
    for number, text in recording.left:
        code = lines[number - 1].strip() if number <= len(lines) else ""
        click.secho(f"{name}:{number}: not taken: {text}", fg="yellow", err=True)
        click.echo(f"    {code[:200]}", err=True)
    for number, text in recording.notes:
        click.echo(f"{name}:{number}: {text}", err=True)


def _refuse_invalid(script: str, journey: dict[str, Any]) -> None:
    """What no journey can be, for want of a page or of steps: said before anything is printed or sent."""
    from journeys.definition import JourneyCheck
    from model.validation import field_errors

    try:
        JourneyCheck.model_validate(journey)
    except ValidationError as error:
        click.secho(f"{script} comes to no journey:", fg="red", err=True)
        for path, messages in field_errors(error).items():
            click.echo(f"  {path}: {'; '.join(messages)}", err=True)
        sys.exit(2)

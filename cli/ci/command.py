"""`tracer journeys run`: one journey, or all that have a tag, on the probes; or a file on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from cli.ci.asking import Asked, ask_for_one, ask_for_tag
from cli.ci.ending import Cut, Ending, end, end_before, forget, plain
from cli.ci.results import ExitCode
from cli.ci.waiting import wait_for
from cli.client import ApiError, Client
from cli.resources import json_option, print_refusal
from cli.tables import print_json

_DEFAULT_TIMEOUT_S = 600.0


class _Variable(click.ParamType[tuple[str, str]]):
    """`K=V`, or `K` alone: then V is the environment's, and stands in no list of processes."""

    name = "K=V"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, given, text = str(value).partition("=")
        if not name:
            self.fail("it is NAME=VALUE, or NAME for what the environment has under that name", param, ctx)
        if not given and name not in os.environ:
            self.fail(f"the environment has no {name}: write {name}=VALUE", param, ctx)
        return name, text if given else os.environ[name]


@dataclass(frozen=True)
class Options:
    """What somebody typed, beside which journeys are meant."""

    locations: Sequence[str]
    base_url: str | None
    variables: dict[str, str]
    timeout_s: float
    junit: Path | None
    evidence: Path | None
    as_json: bool


@click.command()
@click.argument("journey_id", required=False)
@click.option("--tag", help="Every active journey with this tag.")
@click.option("--file", "file", type=click.File(encoding="utf-8"), help="A journey as YAML: here, with no server.")
@click.option("--wait", is_flag=True, help="Until all have ended; the exit code says how.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there.")
@click.option("--evidence", type=click.Path(file_okay=False, path_type=Path), help="Save screenshots and traces there.")
@click.option("--location", "locations", multiple=True, help="There, in place of the journeys' own; repeatable.")
@click.option("--base-url", help="This origin, in place of the journeys' own: a preview, a candidate.")
@click.option("--var", "variables", multiple=True, type=_Variable(), help="NAME alone: the environment's.")
@click.option("--timeout", type=click.FloatRange(1), help="Seconds to wait.  [default: 600]")
@click.option("--headed", is_flag=True, help="With --file: show the browser.")
@json_option
def run(
    journey_id: str | None,
    tag: str | None,
    file: Any,
    wait: bool,
    timeout: float | None,
    headed: bool,
    variables: tuple[tuple[str, str], ...],
    **given: Any,
) -> None:
    """Run journeys now: one by its id, all with a tag, or one from a file.

    Exit code with --wait and --file: 0 all passed, 1 some failed, 2 wrong usage, no connection or nothing to run, 3 not
    measured or not finished in time, 130 interrupted (runs on probes go on).
    """
    options = Options(timeout_s=timeout or _DEFAULT_TIMEOUT_S, variables=dict(variables), **given)
    if sum(each is not None for each in (journey_id, tag, file)) != 1:
        raise click.UsageError("name one of: the id of a journey, --tag, --file")
    _refuse_pointless(options, by_id=journey_id is not None, local=file is not None, wait=wait, timeout=timeout)
    if headed and file is None:
        raise click.UsageError("--headed goes with --file: the probes' browsers can't be seen from here")
    if headed and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise click.UsageError("--headed needs a desktop: neither DISPLAY nor WAYLAND_DISPLAY is set here")
    if options.junit is not None and not options.junit.absolute().parent.is_dir():
        raise click.UsageError(f"--junit: there is no folder {options.junit.parent}")
    forget(options.junit)
    suite = "file" if file is not None else tag or "journey"
    try:
        if file is not None:
            _here(file, options, headed=headed)
        _on_probes(Client(), journey_id, tag, options, wait=wait)
    except ApiError as error:
        print_refusal(error)
        end_before(str(error), ExitCode.NOTHING_RUN, suite=suite, junit=options.junit)
    except KeyboardInterrupt:
        asked = "" if file is not None else " before Tracer had answered: what was asked for may run all the same"
        click.secho(f"Interrupted{asked}.", fg="yellow", err=True)
        end_before(f"Interrupted{asked}.", ExitCode.INTERRUPTED, suite=suite, junit=options.junit)


def _here(file: Any, options: Options, *, headed: bool) -> NoReturn:
    from cli.ci.local import NothingRunError, run_file  # the browser's code, which nothing else here needs

    try:
        walked = run_file(file, options.variables, options.base_url, options.evidence, headed=headed)
    except NothingRunError as error:
        for line in error.lines:
            click.echo(line, err=True)
        click.secho(str(error), fg="red", err=True)
        end_before("; ".join((str(error), *error.lines)), ExitCode.NOTHING_RUN, suite="file", junit=options.junit)
    cut: Cut | None = "interrupted" if walked.interrupted else None
    end(Ending(walked.results, "file", cut=cut, told_steps=True), junit=options.junit, as_json=options.as_json)


def _refuse_pointless(options: Options, *, by_id: bool, local: bool, wait: bool, timeout: float | None) -> None:
    """What would silently do nothing."""
    if local and (options.locations or timeout):
        raise click.UsageError("--location and --timeout go with probes: a file runs here, with its own timeout")
    if by_id and (options.base_url or options.variables):
        raise click.UsageError("--base-url and --var go with --tag or --file")
    waits = {"--junit": options.junit, "--evidence": options.evidence, "--timeout": timeout}
    idle = [name for name, value in waits.items() if value is not None]
    if not (wait or local) and idle:
        raise click.UsageError(f"{idle[0]} goes with --wait")


def _on_probes(client: Client, journey_id: str | None, tag: str | None, options: Options, *, wait: bool) -> None:
    """Raises ApiError."""
    asked = (
        ask_for_one(client, journey_id, options.locations)
        if tag is None and journey_id is not None
        else ask_for_tag(
            client, tag or "", locations=options.locations, base_url=options.base_url, variables=options.variables
        )
    )
    for warning in asked.warnings:
        click.secho(f"note: {warning}", fg="yellow", err=True)
    if not wait:
        _print_asked(asked, options.as_json)
        return
    wait_for(
        client, asked, tag or "journey",
        timeout_s=options.timeout_s, junit=options.junit, evidence=options.evidence, as_json=options.as_json,
    )  # fmt: skip


def _print_asked(asked: Asked, as_json: bool) -> None:
    if as_json:
        print_json({"batch_id": asked.batch_id, "runs": [plain(result) for result in asked.results]})
        return
    for result in asked.results:
        click.echo(f"{result.run_id}  {result.title}  {result.url}")
    if asked.batch_id is not None:
        click.echo(f"{asked.batch_id}: {len(asked.results)} asked for; --wait waits for them")

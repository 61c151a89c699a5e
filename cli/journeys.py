"""`tracer journeys …`: the REST API by hand, runs that a pipeline waits for, and journeys made from recordings."""

from __future__ import annotations

import click

from cli.checks import check_commands, path_of_check, runs_of, status_filter
from cli.ci.command import run
from cli.recording import import_
from cli.resources import listing


@click.group()
def journeys() -> None:
    """A real browser walks the user's path."""


def _filters(command: click.Command) -> click.Command:
    filtered: click.Command = status_filter(click.option("--tag", help="Only with this tag.")(command))
    return filtered


listing(journeys, "journeys", "/v1/journeys", _filters)
journeys.add_command(run)
journeys.add_command(import_)
runs_of(journeys, "runs", path_of_check, "List the runs of a journey, newest first.")
check_commands(journeys, "/v1/journeys")

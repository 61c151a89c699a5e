"""`tracer up`, `api`, `scheduler`, `probe`: options and settings in, a running program out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli.children import die_with_parent
from cli.environment import SettingsError, read_settings
from cli.logs import configure_logs
from cli.up import run_up
from model.settings import Settings

Command = Callable[..., Any]

_serving: list[Callable[[Command], Command]] = [
    click.option("--host", help="Address to listen on (TRACER_HOST)."),
    click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on (TRACER_PORT); 0: any free one."),
]
_data_dir = click.option("--data-dir", type=click.Path(path_type=Path), help="TRACER_DATA_DIR.")


def _with(options: list[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command()
@_with(_serving)
@_data_dir
def up(**given: Any) -> None:
    """Everything in one: a server and a probe, until Ctrl-C."""
    settings = read_settings(**given)
    configure_logs("up")
    sys.exit(run_up(settings))


@click.command(hidden=True)
def server() -> None:
    """API and scheduler in one process, for `tracer up`."""
    from cli.server import serve

    die_with_parent()
    configure_logs("server")
    sys.exit(serve(read_settings(), api=True, scheduler=True))


@click.command()
@_with(_serving)
def api(**given: Any) -> None:
    """The API alone, on PostgreSQL; any number of them."""
    from cli.server import serve

    settings = _on_postgresql(read_settings(**given), "tracer api")
    configure_logs("api")
    sys.exit(serve(settings, api=True, scheduler=False))


@click.command()
def scheduler() -> None:
    """The scheduler alone, on PostgreSQL; any number of them."""
    from cli.server import serve

    settings = _on_postgresql(read_settings(), "tracer scheduler")
    configure_logs("scheduler")
    sys.exit(serve(settings, api=False, scheduler=True))


def _on_postgresql(settings: Settings, program: str) -> Settings:
    if settings.sqlalchemy_url.startswith("sqlite"):
        raise SettingsError(
            f"{program} needs PostgreSQL: set TRACER_DATABASE_URL=postgresql://… "
            "On SQLite one process does all the writing: use `tracer up`."
        )
    return settings


@click.command()
@click.option("--location", required=True, help="The location this probe serves; it must be its key's.")
@click.option("--url", help="Where the API is (TRACER_URL).")
@click.option("--key", "probe_key", help="The probe's key (TRACER_PROBE_KEY keeps it out of process lists).")
@click.option(
    "--insecure", is_flag=True, help="Allow http:// to something else than loopback: secrets travel in clear."
)
@_data_dir
def probe(location: str, insecure: bool, **given: Any) -> None:
    """Run checks for one location; any number of probes may serve it."""
    from probes.process import run_probe

    die_with_parent()
    settings = read_settings(**given)
    configure_logs("probe")
    sys.exit(run_probe(settings, location=location, insecure=insecure))

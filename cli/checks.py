"""`tracer monitors …` and `tracer runs …`; and what journeys have in common with monitors on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import click

from cli.resources import ask, by_id, json_option, listing, writing
from cli.showing_runs import numbered, show_run
from cli.tables import print_json, print_list


def check_commands(group: click.Group, path: str) -> None:
    """Adds `show`, `create`, `update`, `delete`, `pause` and `resume`."""
    by_id(group, "show", "GET", f"{path}/{{id}}", "Everything about one.")
    by_id(group, "delete", "DELETE", f"{path}/{{id}}", "Delete one; its runs stay readable by id.")
    by_id(
        group, "pause", "PUT", f"{path}/{{id}}", "Stop running it.", {"status": "paused"},
        line="{name} ({id}) is paused: it does not run until you resume it.",
    )  # fmt: skip
    by_id(
        group, "resume", "PUT", f"{path}/{{id}}", "Run it again.", {"status": "active"},
        line="{name} ({id}) runs again.",
    )  # fmt: skip
    writing(group, path)


def runs_of(group: click.Group, name: str, path_of: Callable[[str], str], summary: str) -> None:
    """Adds a command that lists the runs of one check. `path_of`: from its id to the path of the check."""

    @group.command(name, help=summary)
    @click.argument("id_")
    @click.option("--status", help="One or more statuses, comma-separated.")
    @click.option("--location")
    @click.option("--from", "from_", help="ISO 8601, inclusive.")
    @click.option("--to", help="ISO 8601, exclusive.")
    @click.option("--page", type=click.IntRange(1))
    @click.option("--per-page", type=click.IntRange(1, 100))
    @json_option
    def list_runs(id_: str, from_: str | None, as_json: bool, **query: Any) -> None:
        envelope = ask("GET", f"{path_of(id_)}/runs", **{**query, "from": from_})
        if as_json:
            print_json(envelope["data"])
        else:
            print_list("runs", [_as_row(entry) for entry in envelope["data"]], envelope.get("meta") or {})


def status_filter(command: Any) -> Any:
    """Adds `--status`."""
    return click.option("--status", type=click.Choice(["active", "paused"]))(command)


def path_of_check(id_: str) -> str:
    """A journey's by its id's beginning, else a monitor's."""
    family = "journeys" if id_.startswith("jny_") else "monitors"
    return f"/v1/{family}/{quote(id_, safe='')}"


def _as_row(entry: dict[str, Any]) -> dict[str, Any]:
    """A gap is no run: in place of an id stands how many slots it holds, in place of a time the stretch."""
    if "slots" not in entry:
        return entry
    count = f"{entry['slots']} slot{'' if entry['slots'] == 1 else 's'}"
    return {**entry, "id": f"gap of {count}", "scheduled_at": f"{entry['from']} to {entry['to']}"}


@click.group()
def monitors() -> None:
    """URL, API, TCP, DNS and heartbeat monitors."""


def _monitor_filters(command: Any) -> Any:
    kinds = ["url", "api", "tcp", "dns", "heartbeat"]
    return status_filter(click.option("--type", type=click.Choice(kinds))(command))


listing(monitors, "monitors", "/v1/monitors", _monitor_filters)
by_id(monitors, "run", "POST", "/v1/monitors/{id}/run", "Run it now at each of its locations.")
check_commands(monitors, "/v1/monitors")


@click.group()
def runs() -> None:
    """What checks found."""


runs_of(runs, "list", path_of_check, "List the runs of a monitor or journey, newest first.")
runs.add_command(show_run)


def _part_of_a_run(name: str, summary: str) -> None:
    @runs.command(name, help=summary)
    @click.argument("id_")
    @json_option
    def list_part(id_: str, as_json: bool) -> None:
        found = ask("GET", f"/v1/runs/{quote(id_, safe='')}/{name}")["data"]
        if as_json:
            print_json(found)
        else:
            print_list(name, [numbered(row) for row in found], {}, nothing=f"That run has no {name}.")


_part_of_a_run("steps", "How each step of a journey's run went.")
_part_of_a_run("artifacts", "The screenshots, traces and logs of a journey's run; their links live for minutes.")

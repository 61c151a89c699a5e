"""`tracer runs show`: one run as people want to see it, of a journey with its steps and what shows how they went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import click
from rich.text import Text

from alerts.messages.inert import inert
from cli.resources import ask, json_option, show_answer
from cli.tables import console_of, print_list, print_object

_OF_NETWORK_CHECKS = ("assertions", "response")


@click.command("show")
@click.argument("id_")
@json_option
def show_run(id_: str, as_json: bool) -> None:
    """Everything about one run; of a journey's also its steps, and links to its pictures and files."""
    path = f"/v1/runs/{quote(id_, safe='')}"
    envelope = ask("GET", path)
    run = envelope["data"]
    if as_json or run.get("journey_id") is None:
        show_answer(envelope, as_json)
        return
    print_object(dict(_facts(run)))
    steps = ask("GET", f"{path}/steps")["data"]
    if steps:
        click.echo()
        print_list("steps", [numbered(step) for step in steps], {})
    _print_links(ask("GET", f"{path}/artifacts")["data"])


def numbered(row: dict[str, Any]) -> dict[str, Any]:
    """A step, or what shows one, by the number that sentences use: from 1."""
    index = row.get("step_index", row.get("index"))
    return {**row, "step": None if index is None else index + 1}


def _facts(run: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Without what a journey has none of; its error is the cause, in words."""
    for name, value in run.items():
        if name == "error" and value:
            yield "cause", value["message"]
            yield "error", value["code"]
        elif name == "attempts" and len(value or ()) < 2:
            continue  # the only attempt is the run itself
        elif value is not None and (value or name not in _OF_NETWORK_CHECKS):
            yield name, value


def _print_links(artifacts: Sequence[dict[str, Any]]) -> None:
    """A line each, whole: a link that is cut opens nothing."""
    if not artifacts:
        return
    console = console_of()
    console.print()
    console.print(Text("open for a few minutes:", style="dim"))
    for artifact in artifacts:
        step = numbered(artifact)["step"]
        what = artifact["type"] if step is None else f"{artifact['type']} of step {step}"
        console.print(Text(f"{inert(what, 100):<24}{inert(artifact['url'], 5_000)}"), soft_wrap=True)

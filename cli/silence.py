"""`tracer silence --tag x --for 20m`: nobody is told for a while, by one command."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from cli.resources import ask, by_id, json_option, listing, show_answer
from cli.times import PERIOD


@click.group(invoke_without_command=True)
@click.option("--tag", "tags", multiple=True, help="Checks with this tag; repeatable.")
@click.option("--monitor", "monitors", multiple=True, help="This monitor, by its id; repeatable.")
@click.option("--project", "projects", multiple=True, help="The events of this project, by its slug; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Every check and project.")
@click.option("--for", "seconds", type=PERIOD, help="How long: 90s, 20m, 1h30m.")
@click.option("--reason", help="Why; whoever asks later reads it.")
@json_option
@click.pass_context
def silence(
    ctx: click.Context,
    tags: tuple[str, ...],
    monitors: tuple[str, ...],
    projects: tuple[str, ...],
    everything: bool,
    seconds: int | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Tell nobody of some checks or projects for a while: alerts open and resolve as ever.

    An alert that is still open when the silence ends is told then.
    """
    given = bool(tags or monitors or projects or everything or seconds is not None or reason is not None)
    if ctx.invoked_subcommand is not None:
        if given:
            raise click.UsageError(f"`tracer silence {ctx.invoked_subcommand}` takes no options before its name")
        return
    if not given:
        click.echo(ctx.get_help())
        ctx.exit(2)
    if not (tags or monitors or projects or everything):
        raise click.UsageError("say what: --tag, --monitor, --project or --all")
    if seconds is None:
        raise click.UsageError("say for how long: --for 20m")
    match: dict[str, Any] = {"tags": list(tags), "monitors": list(monitors), "all": everything}
    if projects:
        match["projects"] = list(projects)
    show_answer(ask("POST", "/v1/silences", {"match": match, "for": seconds, "reason": reason or ""}), as_json)


def _filters(command: Any) -> Any:
    return click.option("--status", type=click.Choice(["active", "over"]))(command)


listing(silence, "silences", "/v1/silences", _filters)
by_id(silence, "show", "GET", "/v1/silences/{id}", "Everything about one.")


@silence.command("end")
@click.argument("id_", metavar="ID")
@json_option
def end(id_: str, as_json: bool) -> None:
    """End one at once: who was not told until now is told."""
    path = f"/v1/silences/{quote(id_, safe='')}"
    ask("DELETE", path)
    show_answer(ask("GET", path), as_json)

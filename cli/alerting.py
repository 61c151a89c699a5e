"""`tracer alerts|rules|maintenance …` and `tracer why`: the on-call's and the rule writer's side of the REST API."""

from __future__ import annotations

import time
from typing import IO, Any
from urllib.parse import quote

import click

from alerts.messages.durations import lasting, seconds_between
from alerts.rules.registry import RULES
from cli.checks import path_of_check
from cli.resources import ask, by_id, json_option, listing, read_document, show_answer, warn, writing
from cli.tables import print_json, print_list
from cli.times import PERIOD
from model.times import iso, parse_iso

_READ_ONLY = ("id", "created_at", "updated_at", "warnings")


@click.group()
def alerts() -> None:
    """What is wrong now, and what was."""


def _alert_filters(command: Any) -> Any:
    for option in (
        click.option("--status", help="triggered, acknowledged, resolved; several with commas."),
        click.option("--severity", help="critical, high, medium, low; several with commas."),
        click.option("--monitor", "monitor_id", help="Only of this monitor."),
        click.option("--rule", "rule_id", help="Only by this rule."),
        click.option("--tag", help="Only of checks with this tag."),
    ):
        command = option(command)
    return command


listing(alerts, "alerts", "/v1/alerts", _alert_filters)
by_id(alerts, "show", "GET", "/v1/alerts/{id}", "Everything about one, with its timeline.")


def _deed(name: str, summary: str) -> None:
    @alerts.command(name, help=summary)
    @click.argument("id_", metavar="ID")
    @click.option("--note", help="What the others should know.")
    @json_option
    def act(id_: str, note: str | None, as_json: bool) -> None:
        body = {} if note is None else {"note": note}
        show_answer(ask("POST", f"/v1/alerts/{quote(id_, safe='')}/{name}", body), as_json)


_deed("acknowledge", "Say that you have it: reminders stop.")
_deed("resolve", "Say that it is over.")


@click.group()
def rules() -> None:
    """When a check is bad enough to tell somebody, and whom."""


def _rule_filters(command: Any) -> Any:
    command = click.option("--type", type=click.Choice(list(RULES)))(command)
    return click.option("--enabled", type=click.Choice(["true", "false"]))(command)


listing(rules, "rules", "/v1/alert-rules", _rule_filters)
by_id(rules, "show", "GET", "/v1/alert-rules/{id}", "Everything about one.")
by_id(rules, "delete", "DELETE", "/v1/alert-rules/{id}", "Delete one; its open alerts are resolved.")
by_id(rules, "pause", "PUT", "/v1/alert-rules/{id}", "Switch it off; its open alerts are resolved.", {"enabled": False})
by_id(rules, "resume", "PUT", "/v1/alert-rules/{id}", "Switch it on again.", {"enabled": True})
writing(rules, "/v1/alert-rules")


@rules.command("backtest")
@click.argument("rule_id", required=False)
@click.option("-f", "--file", type=click.File(), help="A rule as YAML or JSON; - is standard input.")
@click.option("--last", type=PERIOD, help="So far back from --to: 12h, 7d. Default 7d, at most 90d.")
@click.option("--from", "from_", help="ISO 8601, inclusive; in place of --last.")
@click.option("--to", help="ISO 8601, exclusive. Default: now.")
@json_option
def backtest(
    rule_id: str | None, file: IO[str] | None, last: int | None, from_: str | None, to: str | None, as_json: bool
) -> None:
    """Say what a rule would have done: the alerts it would have raised, and the messages of each channel.

    A stored rule by its id, or one from a file; with both, the file's fields take the place of the stored ones.
    """
    if rule_id is None and file is None:
        raise click.UsageError("name a rule, or give one with -f")
    if last is not None and from_ is not None:
        raise click.UsageError("give either --last or --from")
    rule: dict[str, Any] = {}
    if rule_id is not None:
        stored = ask("GET", f"/v1/alert-rules/{quote(rule_id, safe='')}")["data"]
        rule = {name: value for name, value in stored.items() if name not in _READ_ONLY}
    if file is not None:
        given = read_document(file)
        if not isinstance(given, dict):
            raise click.UsageError(f"{file.name} holds no rule: it must be an object with the rule's fields")
        rule |= given
    if last is not None:
        from_ = _before(to, last)
    period = {name: value for name, value in (("from", from_), ("to", to)) if value is not None}
    envelope = ask("POST", "/v1/alert-rules/backtest", {**rule, **period})
    warn(envelope)
    tried = envelope["data"]
    if as_json:
        print_json(tried)
        return
    rows = [
        {
            **alert,
            "lasted": lasting(seconds_between(alert["triggered_at"], alert["resolved_at"])) or "still open",
            "runs": len(alert["run_ids"]),
        }
        for alert in tried["alerts"]
    ]
    print_list("would-be alerts", rows, {}, nothing="It would have raised no alert.")
    for channel_id, count in tried["notices"].items():
        click.echo(f"{channel_id} would have got {count} message{'' if count == 1 else 's'}")


def _before(to: str | None, seconds: int) -> str | None:
    """So many seconds before `to`, or before now."""
    try:
        end_ms = time.time_ns() // 1_000_000 if to is None else parse_iso(to)
        return iso(end_ms - seconds * 1000)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--to: {error}") from None


@click.group()
def maintenance() -> None:
    """Planned times: alerts don't fire, uptime leaves them out."""


listing(maintenance, "maintenance windows", "/v1/maintenance-windows")
by_id(maintenance, "show", "GET", "/v1/maintenance-windows/{id}", "Everything about one.")
by_id(maintenance, "delete", "DELETE", "/v1/maintenance-windows/{id}", "Delete one: it is over at once.")
writing(maintenance, "/v1/maintenance-windows")


@click.command()
@click.argument("id_", metavar="MONITOR_ID|JOURNEY_ID|RUN_ID")
@click.option("--at", help="ISO 8601; default: now.")
@json_option
def why(id_: str, at: str | None, as_json: bool) -> None:
    """Say why somebody was told of a check's last runs or of one run, or was not: one line a rule."""
    if id_.startswith("run_"):
        if at is not None:
            raise click.UsageError("--at goes with a check: a run has its own time")
        envelope = ask("GET", f"/v1/runs/{quote(id_, safe='')}/decisions")
    else:
        envelope = ask("GET", f"{path_of_check(id_)}/why", at=at)
    if as_json:
        print_json(envelope["data"])
    else:
        nothing = "Nothing failed there, or no rule covers it: there was nothing to tell."
        print_list("decisions", envelope["data"], {}, nothing=nothing)

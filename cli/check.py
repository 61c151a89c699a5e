"""`tracer check TARGET`: one check from this machine, with no server."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click
import msgspec

from cli.environment import nets_by_hand, read_settings
from cli.tables import print_json
from cli.waterfall import print_outcome, redirects_of
from model.definition import CheckDefinition
from model.outcome import Outcome, RunStatus
from probes.http.definition import HttpCheck
from probes.once import run_once
from probes.target import TargetError, definition_of

_EXIT = {RunStatus.SUCCESS: 0, RunStatus.FAILED: 1}


@click.command()
@click.argument("target")
@click.option(
    "--timeout", type=click.FloatRange(0, 120, min_open=True), default=30.0, show_default=True, help="Seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def check(target: str, timeout: float, as_json: bool) -> None:
    """Check https://…, tcp://host:port or dns://name?type=MX once; exit 0 up, 1 down, 2 wrong usage."""
    try:
        definition = definition_of(target, timeout=timeout)
    except TargetError as error:
        raise click.UsageError(str(error)) from None
    settings = read_settings()
    outcome = asyncio.run(run_once(definition, allow_nets=nets_by_hand(settings)))
    if as_json:
        print_json({"target": target, **_plain(outcome), "final_url": _final_url(definition, outcome)})
    else:
        print_outcome(target, outcome)
    sys.exit(_EXIT.get(outcome.status, 1))


def _plain(outcome: Outcome) -> dict[str, Any]:
    """As the API shows a run: what did not happen is null, never missing."""
    return {
        "status": outcome.status,
        "duration_ms": outcome.duration_ms,
        "metrics": msgspec.structs.asdict(outcome.metrics),
        "error": msgspec.to_builtins(outcome.error),
        "redirects": msgspec.to_builtins(redirects_of(outcome)),
        "assertions": msgspec.to_builtins(outcome.assertions),
        "response": msgspec.to_builtins(outcome.response),
    }


def _final_url(definition: CheckDefinition, outcome: Outcome) -> str | None:
    """The URL that the last request went to; None for what has no URL."""
    followed = redirects_of(outcome)
    if followed:
        return str(followed[-1]["location"])
    return definition.plan.target.url if isinstance(definition, HttpCheck) else None

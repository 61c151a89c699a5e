"""`tracer usage`: what was used this month, and what the plan allows."""

from __future__ import annotations

import click

from cli.resources import ask, json_option
from cli.tables import print_json, print_list


@click.command()
@json_option
def usage(as_json: bool) -> None:
    """What was used this calendar month (UTC), of how much."""
    data = ask("GET", "/v1/usage")["data"]
    if as_json:
        print_json(data)
        return
    click.echo(f"{data['period']['start']} to {data['period']['end']}, plan {data['plan']}")
    rows = [
        {
            "what": name.replace("_", " "),
            "used": str(found["used"]),
            "limit": "no limit" if found["limit"] is None else str(found["limit"]),
        }
        for name, found in data["usage"].items()
    ]
    print_list("usage", rows, {})

"""`tracer channels` and `tracer notifications`: where notices go, and what became of them."""

from __future__ import annotations

from typing import Any

import click

from alerts.channels.registry import CHANNELS
from cli.resources import by_id, listing, writing


@click.group()
def channels() -> None:
    """Where alerts and notices go."""


def _of_type(command: Any) -> Any:
    return click.option("--type", type=click.Choice(list(CHANNELS)))(command)


listing(channels, "channels", "/v1/alert-channels", _of_type)
by_id(channels, "show", "GET", "/v1/alert-channels/{id}", "Everything about one but its secrets.")
by_id(channels, "delete", "DELETE", "/v1/alert-channels/{id}", "Delete one; rules that name it reach it no more.")
by_id(channels, "test", "POST", "/v1/alert-channels/{id}/test", "Send a test message to one, now.")
writing(channels, "/v1/alert-channels")


@click.group()
def notifications() -> None:
    """What was, is, or could not be told to whom."""


def _filters(command: Any) -> Any:
    command = click.option("--status", type=click.Choice(["pending", "sent", "failed"]))(command)
    return click.option("--channel-id")(command)


listing(notifications, "notifications", "/v1/notifications", _filters)
by_id(notifications, "resend", "POST", "/v1/notifications/{id}/resend", "Try one again that could not be delivered.")

"""`tracer notices`: what Tracer has to say about itself."""

from __future__ import annotations

from typing import Any

import click

from cli.resources import listing
from model.notices import NoticeKind


@click.group()
def notices() -> None:
    """What Tracer says about itself: locations offline, full disks, dead channels."""


def _filters(command: Any) -> Any:
    command = click.option("--kind", type=click.Choice([kind.value for kind in NoticeKind]))(command)
    return click.option("--status", type=click.Choice(["open", "resolved"]))(command)


listing(notices, "notices", "/v1/notices", _filters)

"""Durations on the command line: 20m, 1h30m, 7d."""

from __future__ import annotations

import click

from model.durations import seconds_of


class _Period(click.ParamType[int]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """To seconds."""
        if isinstance(value, int):
            return value
        try:
            return seconds_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


PERIOD = _Period()

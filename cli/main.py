"""The `tracer` command."""

from __future__ import annotations

import sys

import click

from cli.environment import SettingsError


class _Lazy(click.Group):
    """Imports a command's module when it is used, so that `tracer --help` and small commands start at once."""

    commands_in = {  # noqa: RUF012 - read only
        "up": "cli.programs:up",
        "server": "cli.programs:server",
        "api": "cli.programs:api",
        "scheduler": "cli.programs:scheduler",
        "probe": "cli.programs:probe",
        "check": "cli.check:check",
        "apply": "cli.apply:apply",
        "export": "cli.apply:export",
        "monitors": "cli.checks:monitors",
        "journeys": "cli.journeys:journeys",
        "runs": "cli.checks:runs",
        "alerts": "cli.alerting:alerts",
        "rules": "cli.alerting:rules",
        "silence": "cli.silence:silence",
        "maintenance": "cli.alerting:maintenance",
        "why": "cli.alerting:why",
        "probes": "cli.resources:probes",
        "keys": "cli.resources:keys",
        "members": "cli.members:members",
        "setup-link": "cli.setup_link:setup_link",
        "channels": "cli.channels:channels",
        "notifications": "cli.channels:notifications",
        "notices": "cli.notices:notices",
        "audit": "cli.audit:audit",
        "secrets": "cli.secrets:secrets",
        "usage": "cli.usage:usage",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        where = self.commands_in.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command: click.Command = getattr(__import__(module, fromlist=[name]), name)
        return command


@click.group(cls=_Lazy)
@click.version_option(package_name="tracer")
def tracer() -> None:
    """Synthetic monitoring that does not lie."""


def main() -> None:
    """The entry point: a setting that can't be used is a sentence and exit code 2, never a traceback."""
    try:
        tracer()
    except SettingsError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

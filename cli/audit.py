"""`tracer audit`: who did what, over the API; on the database itself, whether the log is as it was written, and an end
to old events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from cli.environment import read_settings
from cli.resources import json_option, listing
from cli.tables import print_json
from model.times import parse_iso, spoken
from store.acting import Actor, acting
from store.audit_log import Verdict, verdicts
from store.audit_pruning import prune as delete_before
from store.key_material import KeyringError
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

BROKEN = 1
CANNOT_TELL = 2
_UNREADABLE = (SQLAlchemyError, KeyringError, FileNotFoundError)
_OPERATOR = Actor("person", None, "tracer audit prune")


@click.group()
def audit() -> None:
    """Who did what; and whether that log is as it was written."""


def _filters(command: Any) -> Any:
    for name, said in (
        ("--actor", "Only of this one: an id, or part of a name."),
        ("--action", "Only this, such as monitor.deleted."),
        ("--target", "Only about this: an id, or part of a name."),
        ("--from", "From then on, ISO 8601."),
        ("--to", "Before then, ISO 8601."),
    ):
        command = click.option(name, help=said)(command)
    return command


def _row(event: dict[str, Any]) -> dict[str, Any]:
    """An event as a line of the table: by names, with what changed."""
    return {
        **event,
        "actor": event["actor"]["name"],
        "target": event["target"]["name"] or event["target"]["id"],
        "changed": sorted((event["after"] or {}).keys()) if event["before"] and event["after"] else None,
    }


listing(audit, "audit log", "/v1/audit-log", _filters, row=_row)


@audit.command()
@json_option
def verify(as_json: bool) -> None:
    """Hold the whole log against its seals, on the database itself.

    Set as for the server: TRACER_DATABASE_URL or TRACER_DATA_DIR, and TRACER_SECRET_KEYS if it is not in the data
    directory. Exit code 0: every event is as it was written; 1: something was changed, added or taken out; 2: it can't
    be told.
    """
    try:
        with _opened() as (database, keyring):
            found = _verified(database, keyring)
    except _UNREADABLE as error:
        _cannot(error)
    if as_json:
        print_json([verdict._asdict() for verdict in found])
    else:
        for verdict in found:
            _say(verdict, click.secho)
    sys.exit(BROKEN if any(verdict.faults for verdict in found) else 0)


@audit.command()
@click.option("--before", "day", required=True, help="ISO 8601: everything older goes, for good.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def prune(day: str, yes: bool) -> None:
    """Delete old events, on the database itself; that, too, is an event.

    Set as for `verify`. A log that is not as it was written is left alone: exit code 1.
    """
    try:
        before_ms = parse_iso(day)
    except ValueError as error:
        raise click.UsageError(f"--before: {error}") from None
    if not yes:
        click.confirm(f"Delete every event before {spoken(before_ms)} for good?", abort=True)
    try:
        with _opened() as (database, keyring):
            found = _verified(database, keyring)
            for verdict in found:
                if verdict.faults:
                    _say(verdict, click.secho)
                    continue
                with acting(_OPERATOR), database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
                    count = delete_before(session, keyring.signature, verdict.organization_id, before_ms)
                click.echo(f"{verdict.name} ({verdict.organization_id}): {count} events deleted")
    except _UNREADABLE as error:
        _cannot(error)
    sys.exit(BROKEN if any(verdict.faults for verdict in found) else 0)


def _verified(database: Database, keyring: Keyring) -> list[Verdict]:
    with database.read(EVERY_ORGANIZATION) as session:
        return list(verdicts(session, keyring.signature))


def _cannot(error: Exception) -> NoReturn:
    click.secho(f"The audit log can't be read: {error.__cause__ or error}", fg="red", err=True)
    sys.exit(CANNOT_TELL)


@contextmanager
def _opened() -> Iterator[tuple[Database, Keyring]]:
    """The database that a server of these settings works with; nothing is made that is not there."""
    settings = read_settings()
    file = make_url(settings.sqlalchemy_url).database if settings.sqlalchemy_url.startswith("sqlite") else None
    if file is not None:
        Path(file).stat()
    database = Database(settings.sqlalchemy_url)
    try:
        yield database, Keyring.load(settings, database)
    finally:
        database.close()


def _say(verdict: Verdict, say: Callable[..., None]) -> None:
    since = f" since {spoken(verdict.since_ms)}" if verdict.since_ms is not None else ""
    head = f"{verdict.name} ({verdict.organization_id}): {verdict.events} events{since}"
    if not verdict.faults:
        say(f"{head}, every one as it was written", fg="green")
        return
    say(f"{head}, and something was done to them:", fg="red")
    for fault in verdict.faults:
        say(f"  {fault}")

"""The REST API by hand, tables for people and --json for scripts: what all share, and `tracer probes|keys …`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from typing import IO, Any
from urllib.parse import quote

import click
import yaml

from cli.client import ApiError, Client
from cli.tables import print_json, print_list, print_object

json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's own JSON.")
file_option = click.option("-f", "--file", type=click.File(), required=True, help="YAML or JSON; - is standard input.")


def ask(method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
    """One request; an error is printed as a sentence with its fields, and ends the command with exit code 2."""
    try:
        return Client().request(method, path, body, **query)
    except ApiError as error:
        print_refusal(error)
        sys.exit(2)


def print_refusal(error: ApiError) -> None:
    """A sentence, and a line for each field."""
    click.secho(str(error), fg="red", err=True)
    for field, messages in error.fields.items():
        line = f"{field}: {'; '.join(messages)}"
        if line != str(error):  # the only field is the message already
            click.echo(f"  {line}", err=True)


def warn(envelope: dict[str, Any]) -> None:
    """What was accepted but deserves a look, beside the answer."""
    for warning in (envelope.get("meta") or {}).get("warnings", []):
        click.secho(f"note: {warning}", fg="yellow", err=True)


def show_answer(envelope: dict[str, Any], as_json: bool) -> None:
    """One object, as a table or as the API's own JSON."""
    data = envelope.get("data")
    warn(envelope)
    if as_json or not isinstance(data, dict):
        print_json(data)
    else:
        print_object(data)


def read_document(file: IO[str]) -> Any:
    """A file's YAML or JSON as plain values; wrong usage when it is neither."""
    text = file.read()
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        # YAML reads an unquoted time as one; the API wants its text back.
        return json.loads(json.dumps(yaml.safe_load(text), default=_iso))
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise click.UsageError(f"{file.name} is neither JSON nor YAML: {error}") from None


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"it holds a {type(value).__name__}, which JSON has no word for")


def listing(
    group: click.Group,
    kind: str,
    path: str,
    options: Callable[[Any], Any] = lambda command: command,
    *,
    row: Callable[[dict[str, Any]], dict[str, Any]] = lambda found: found,
) -> None:
    """Adds `list` to a group. `row`: what the table shows of one, if not its fields as they are."""

    @group.command("list")
    @click.option("--page", type=click.IntRange(1), default=None)
    @click.option("--per-page", type=click.IntRange(1, 100), default=None)
    @options
    @json_option
    def list_them(as_json: bool, **query: Any) -> None:
        """List them, newest first."""
        envelope = ask("GET", path, **query)
        if as_json:
            print_json(envelope["data"])
        else:
            print_list(kind, [row(found) for found in envelope["data"]], envelope.get("meta") or {})


def by_id(
    group: click.Group, name: str, method: str, path: str, summary: str, body: Any = None, *, line: str | None = None
) -> None:
    """Adds a command that takes an id and shows the answer: whole, or as one `line` with its fields in it."""

    @group.command(name, help=summary)
    @click.argument("id_")
    @json_option
    def act(id_: str, as_json: bool) -> None:
        envelope = ask(method, path.format(id=quote(id_, safe="")), body)
        if line is None or as_json:
            show_answer(envelope, as_json)
        else:
            warn(envelope)
            click.echo(line.format_map(envelope["data"]))


def writing(group: click.Group, path: str) -> None:
    """Adds `create` and `update`, both from a file."""

    @group.command("create")
    @file_option
    @json_option
    def create(file: IO[str], as_json: bool) -> None:
        """Create one from a file with its REST fields."""
        show_answer(ask("POST", path, read_document(file)), as_json)

    @group.command("update")
    @click.argument("id_")
    @file_option
    @json_option
    def update(id_: str, file: IO[str], as_json: bool) -> None:
        """Merge a file's fields into one."""
        show_answer(ask("PUT", f"{path}/{quote(id_, safe='')}", read_document(file)), as_json)


@click.group()
def probes() -> None:
    """Probes and the locations they serve."""


listing(probes, "probes", "/v1/probes")
by_id(probes, "show", "GET", "/v1/probes/{id}", "Everything about one.")
by_id(probes, "delete", "DELETE", "/v1/probes/{id}", "Revoke a probe's key at once.")


@probes.command("create")
@click.argument("name")
@click.option("--location", required=True, help="Where it stands, such as eu-west.")
@json_option
def create_probe(name: str, location: str, as_json: bool) -> None:
    """Register a probe; prints its key, once, and what to type on its machine."""
    envelope = ask("POST", "/v1/probes", {"name": name, "location": location})
    show_answer(envelope, as_json)
    if not as_json:
        key = envelope["data"]["key"]
        click.echo(f"\nOn its machine:\n  tracer probe --location {location} --url {Client().url} --key {key}")


@click.group()
def keys() -> None:
    """API keys of people and programs."""


listing(keys, "keys", "/v1/api-keys")
by_id(keys, "show", "GET", "/v1/api-keys/{id}", "Everything about one but its text.")
by_id(keys, "delete", "DELETE", "/v1/api-keys/{id}", "Revoke one at once.")


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="read, run, write, ingest or admin; repeatable.")
@click.option("--expires-at", help="ISO 8601.")
@json_option
def create_key(name: str, scopes: tuple[str, ...], expires_at: str | None, as_json: bool) -> None:
    """Make a key; it is shown once."""
    body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
    if expires_at:
        body["expires_at"] = expires_at
    show_answer(ask("POST", "/v1/api-keys", body), as_json)

"""`tracer members …`: who is in the organization, and invitations to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from cli.resources import ask, by_id, json_option, listing, show_answer, warn
from cli.tables import print_json
from model.people import Role

_PATH = "/v1/organization/members"
_role = click.Choice([str(role) for role in Role])


@click.group()
def members() -> None:
    """People, what they may do, and invitations."""


listing(members, "members", _PATH)
by_id(members, "show", "GET", f"{_PATH}/{{id}}", "Everything about one.")
by_id(members, "remove", "DELETE", f"{_PATH}/{{id}}", "Remove one, or take an invitation back, at once.")


@members.command("invite")
@click.argument("email")
@click.option("--role", type=_role, default=str(Role.MEMBER), show_default=True)
@click.option("--name", help="What to call them until they say it themselves.")
@json_option
def invite(email: str, role: str, name: str | None, as_json: bool) -> None:
    """Invite somebody; prints the link to pass on, once. Again: a new link, and the former is dead."""
    body: dict[str, Any] = {"email": email, "role": role, **({"name": name} if name else {})}
    envelope = ask("POST", "/v1/organization/invite", body)
    made = envelope["data"]
    warn(envelope)
    if as_json:
        print_json(made)
        return
    mailed = "mailed too, and " if made["mailed"] else ""
    click.echo(f"{made['email']} joins as {made['role']} by this link ({mailed}good once, for 7 days):\n")
    click.echo(f"  {made['invite_url']}\n")


@members.command("role")
@click.argument("id_", metavar="ID")
@click.argument("role", type=_role)
@json_option
def give_role(id_: str, role: str, as_json: bool) -> None:
    """Give one another role; it counts from their next request on."""
    show_answer(ask("PUT", f"{_PATH}/{quote(id_, safe='')}", {"role": role}), as_json)

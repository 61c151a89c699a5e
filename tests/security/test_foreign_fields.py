"""Fields that are not for clients to set, in the body of every route that takes one: nothing of them is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary

from api.access import Scope, needs
from store.keyring import Keyring
from store.sessions import Database
from store.table_base import Base
from store.tables import Organization
from store.write_lock import Urgency
from tests.api.audited_place import Rest
from tests.api.audited_routes import CHANGES
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.conftest import Clock
from tests.security.tally import Tally, corpus
from tests.security.world import World

ATTACK = "setting what is not for clients"
WORD, NUMBER = "zq7foreign", 4_711_471_147_114
ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/organization/invite"): {"email": "new@example.com", "role": "viewer"},
    ("PUT", "/v1/organization/members/<member_id>"): {"role": "viewer"},
    ("PUT", "/v1/account"): {"name": "New"},
    ("POST", "/v1/alert-rules/backtest"): {"type": "no_data"},
    **{route: deed.body for route, (deed, _) in CHANGES.items() if isinstance(deed, Rest)},
}
"""Every route of the REST API that changes something, with a body that is right, or None."""
MORE = {
    "is_admin": True, "admin": True, "owner": True, "permissions": [WORD], "__class__": WORD,
    "__proto__": {"role": WORD},
    "constructor": WORD, "$set": {"role": WORD}, "organization": {"id": WORD}, "_id": WORD, "user_id": WORD,
}  # fmt: skip


def columns() -> dict[str, Any]:
    """The name of every column there is, with a value that would be seen."""
    found: dict[str, Any] = dict(MORE)
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            kind = column.type
            if isinstance(kind, (Boolean, LargeBinary)):
                found[column.name] = True
            else:
                found[column.name] = NUMBER if isinstance(kind, (BigInteger, Integer, Float)) else WORD
    return found


def properties(schema: Any, whole: Any) -> Iterator[str]:
    """The fields that a documented body has, in any of its forms."""
    if isinstance(schema, dict):
        yield from schema.get("properties") or ()
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield from properties(whole["components"]["schemas"][name], whole)
        for form in ("oneOf", "anyOf", "allOf"):
            for inner in schema.get(form) or ():
                yield from properties(inner, whole)


def documented(openapi: Any, method: str, rule: str) -> set[str]:
    path = rule.replace("<path:", "<").replace("<", "{").replace(">", "}")
    content = openapi["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    return {name for kind in content.values() for name in properties(kind["schema"], openapi)}


@pytest.fixture
def world(
    app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock, make_key: MakeKey,
    crowd: Crowd, make_organization: Callable[[str], str],
) -> World:  # fmt: skip
    return World(owner, Browser.of(app), database, keyring, organization, clock, make_key, crowd, make_organization)


class Round:
    """What came of one: how many were tried and refused, and where something was written."""

    def __init__(self) -> None:
        self.tried = self.refused = 0
        self.written: list[str] = []


def send_foreign_fields(world: World, routes: list[tuple[str, str]], names: list[str]) -> Round:
    values, met = columns(), Round()
    openapi = world.owner("GET", "/openapi.json").get_json()
    admin = world.crowd.client(world.crowd.member("admin", "Root"))
    for method, rule in routes:
        client = admin if rule == "/v1/account" else world.owner
        path = "/".join(
            world.of_parameter(part.strip("<>").rpartition(":")[2]) if part.startswith("<") else part
            for part in rule.split("/")
        )
        own = documented(openapi, method, rule)
        before = world.fingerprint()
        accepted = 0
        for name in names:
            if name in own or method == "DELETE":
                continue
            met.tried += 1
            world.clock.advance(61_000)  # no limit of a minute is what refuses them
            answer = client(method, path, {**(BODIES[method, rule] or {}), name: values[name]})
            assert answer.status_code < 500, (rule, name, answer.get_data(as_text=True))
            met.refused += answer.status_code >= 400
            accepted += answer.status_code < 300
        after = world.fingerprint()
        text = str(after)
        if WORD in text or str(NUMBER) in text or (not accepted and before != after):
            met.written.append(f"{method} {rule}")
    return met


def test_no_foreign_field_is_written(world: World, tally: Tally) -> None:
    names = corpus(sorted(columns()), short=2)
    met = send_foreign_fields(world, list(BODIES), names)
    tally.add(ATTACK, "REST bodies", tried=met.tried, refused=met.refused, effective=len(met.written))
    assert met.written == []


@ONE_STORE
def test_a_build_that_writes_what_it_is_given_is_caught(
    app: Flask, world: World, database: Database, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    @needs(Scope.ADMIN)
    def careless() -> Any:
        with database.write(world.organization, Urgency.PEOPLE) as session:
            row = session.get_one(Organization, world.organization)
            for name, value in request.get_json().items():
                if name != "id" and hasattr(Organization, name):
                    setattr(row, name, value)
        return {"success": True}

    [endpoint] = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule == "/v1/organization" and "PUT" in (rule.methods or ())
    ]
    monkeypatch.setitem(app.view_functions, endpoint, careless)
    route = ("PUT", "/v1/organization")
    organization_of = World.fingerprint

    def with_organization(self: World) -> dict[str, list[str]]:
        with database.read(self.organization) as session:
            row = session.get_one(Organization, self.organization)
            return {**organization_of(self), "organizations": [f"{row.created_ms} {row.name}"]}

    monkeypatch.setattr(World, "fingerprint", with_organization)
    assert send_foreign_fields(world, [route], ["created_ms"]).written == ["PUT /v1/organization"]
    tally.caught(ATTACK, "rows that take every field given")

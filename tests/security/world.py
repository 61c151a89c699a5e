"""Who knocks, and the organization whose things they ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION
from store.table_base import Base
from store.write_lock import Urgency
from telemetry.stored.tables import METADATA as TELEMETRY
from tests.api.audited_place import Place
from tests.api.test_runs import finish
from tests.store.people import add_member, sign_in_as

CANARY = "Kanarienvogel"
VOLATILE = {"seen_ms", "expires_ms", "last_used_ms", "last_address", "changed_ms"}
"""Columns that say that somebody was here, not what they did."""
KEPT_OUT = {"web_sessions", "audit_events", "audit_heads", "changes"}
ADMIN = frozenset({"read", "run", "write", "admin"})


@dataclass(frozen=True)
class Actor:
    """`token`: what they show, as a bearer or a cookie. `scopes`: None for who is nobody. `insider`: of the
    organization whose things are asked for. `person`: somebody who signed in, not a key."""

    token: str | None
    scopes: frozenset[str] | None
    insider: bool = True
    person: bool = True


@dataclass
class World(Place):
    """An organization that has everything, with a name that nobody else knows."""

    make_organization: Callable[[str], str]
    made_ids: set[str] = field(default_factory=set)

    def made(self, path: str, body: Any) -> str:
        self.made_ids.add(found := super().made(path, body))
        return found

    def draft(self) -> str:
        self.made_ids.add(found := super().draft())
        return found

    def of_parameter(self, name: str) -> str:
        """Something real for a place in a path."""
        if name in ("link", "token"):
            return "A" * 43
        if name == "filename":
            return "no-such.css"
        if name in ("part", "name"):
            return "logo"
        if name == "tag":
            return "smoke"
        if name == "organization_id":
            return self.organization
        return str(getattr(self, name.removesuffix("_id"))())

    def journey_draft(self) -> str:
        self.made_ids.add(found := super().journey_draft())
        return found

    def project(self) -> str:
        self.made_ids.add(found := super().project())
        return found

    def public_key(self) -> str:
        self.made_ids.add(found := super().public_key())
        return found

    def issue(self) -> str:
        self.made_ids.add(found := super().issue())
        return found

    def event_rule(self) -> str:
        self.made_ids.add(found := super().event_rule())
        return found

    def trace(self) -> str:
        self.made_ids.add(found := super().trace())
        return found

    def agent_session(self) -> str:
        self.made_ids.add(found := super().agent_session())
        return found

    def incident(self) -> str:
        self.made_ids.add(found := super().incident())
        return found

    def variable(self) -> str:
        return self.made("/v1/variables", {"name": f"V{len(self.made_ids)}", "value": CANARY})

    def run(self) -> str:
        made = finish(self.database, self.organization, self.monitor(), self.clock.now_ms).run_id
        self.made_ids.add(made)
        return made

    def batch(self) -> str:
        self.journey()
        return str(self.owner.data("POST", "/v1/journeys/run-tag/smoke", status=202)["batch_id"])

    def session(self) -> str:
        ada = self.crowd.client(self.crowd.member("viewer", f"Ada{len(self.made_ids)}"))
        self.made_ids.add(found := str(ada.data("GET", "/v1/account/sessions")[0]["id"]))
        return found

    def member(self) -> str:
        self.made_ids.add(found := self.crowd.member("viewer", f"Grace{len(self.made_ids)}").id)
        return found

    def fingerprint(self) -> dict[str, list[str]]:
        """Every row of the organization's, but for what says that somebody was here."""
        rows: dict[str, list[str]] = {}
        with self.database.read(EVERY_ORGANIZATION) as session:
            for table in Base.metadata.sorted_tables:
                if "organization_id" not in table.c or table.name in KEPT_OUT:
                    continue
                columns = [column for column in table.c if column.name not in VOLATILE]
                found = session.execute(select(*columns).where(table.c.organization_id == self.organization))
                rows[table.name] = sorted(repr(tuple(row)) for row in found)
        with self.database.telemetry.read(EVERY_ORGANIZATION) as session:
            for table in TELEMETRY.sorted_tables:
                rows[table.name] = sorted(repr(tuple(row)) for row in session.execute(select(table)))
        return rows


def anonymous(_: World) -> Actor:
    return Actor(None, None)


def person(role: str) -> Callable[[World], Actor]:
    def enter(world: World) -> Actor:
        member = world.crowd.member(role, "Linus")
        token = sign_in_as(world.database, world.keyring, member)
        return Actor(token, {"viewer": frozenset({"read"}), "member": ADMIN - {"admin"}, "admin": ADMIN}[role])

    return enter


def other_organizations_admin(world: World) -> Actor:
    elsewhere = world.make_organization("Elsewhere")
    member = add_member(world.database, world.keyring, elsewhere, "eve@example.com", "admin", "Eve")
    return Actor(sign_in_as(world.database, world.keyring, member), ADMIN, insider=False)


def removed_member(world: World) -> Actor:
    member = world.crowd.member("admin", "Linus")
    token = sign_in_as(world.database, world.keyring, member)
    world.owner.data("DELETE", f"/v1/organization/members/{member.id}")
    return Actor(token, None)


def revoked_key(world: World) -> Actor:
    made = world.owner.data("POST", "/v1/api-keys", {"name": "Old", "scopes": sorted(ADMIN)}, status=201)
    world.owner.data("DELETE", f"/v1/api-keys/{made['id']}")
    return Actor(made["key"], None)


def probe_key(world: World) -> Actor:
    with world.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        _, key = register_probe(session, world.keyring, world.organization, ("p2", "local"), world.clock.now_ms)
    return Actor(key, None)


def key_that_may(*scopes: str) -> Callable[[World], Actor]:
    def enter(world: World) -> Actor:
        also = {"read"} if set(scopes) & {"run", "write", "admin"} else set()
        return Actor(world.make_key(scopes), frozenset(scopes) | also, person=False)

    return enter


ACTORS: dict[str, Callable[[World], Actor]] = {
    "anonymous": anonymous,
    "viewer": person("viewer"),
    "member": person("member"),
    "admin": person("admin"),
    "another organization's admin": other_organizations_admin,
    "removed member": removed_member,
    "revoked key": revoked_key,
    "probe key": probe_key,
    "key that may run": key_that_may("run"),
    "key that may ingest": key_that_may("ingest"),
}

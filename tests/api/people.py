"""Clients for tests that send the token of a person's sign-in."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from store.keyring import Keyring
from store.people_tables import Membership
from store.sessions import Database
from tests.api.client import Client
from tests.store.people import add_member, sign_in_as


@dataclass
class Crowd:
    """Makes members of the test's organization, or of others, and clients that are signed in as them."""

    app: Flask
    database: Database
    keyring: Keyring
    organization: str

    def member(self, role: str, name: str = "Ada", organization: str | None = None) -> Membership:
        email = f"{name.lower()}@example.com"
        return add_member(self.database, self.keyring, organization or self.organization, email, role, name)

    def client(self, member: Membership) -> Client:
        return Client(self.app.test_client(), sign_in_as(self.database, self.keyring, member))

    def signed_in(self, role: str, name: str = "Ada") -> Client:
        return self.client(self.member(role, name))

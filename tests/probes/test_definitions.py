"""A leased definition, and what its runs must not repeat."""

from __future__ import annotations

import base64

import msgspec
import pytest

from model.protocol import LeasedCheck
from probes.definitions import Definitions
from probes.registry import parse

CREDENTIALS = [("probe", "hunter2"), ("p", "correct-horse-battery"), ("probes", "x"), ("ü", "p:w"), ("", "hunter2")]


@pytest.mark.parametrize(("username", "password"), CREDENTIALS)
def test_a_basic_credential_is_masked_to_its_last_character(username: str, password: str) -> None:
    definition = {
        "name": "Shop", "type": "url", "url": "https://shop.example/",
        "basic_auth": {"username": username, "password": password},
    }  # fmt: skip
    definitions = Definitions(parse)
    definitions.learn(LeasedCheck("mon_1", 1, msgspec.Raw(msgspec.json.encode(definition))))
    learned = definitions.get("mon_1")
    assert learned is not None
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        credential = encode(f"{username}:{password}".encode()).decode()
        assert learned.scrubber.text(f"sent {credential}, refused") == "sent ********, refused"
        assert learned.scrubber.text(f"Basic {credential.rstrip('=')}").endswith("********")

"""Secrets part from a definition and come back to it, whatever they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.secrets import MASK, join, secret_header, split


@pytest.mark.parametrize(
    "name",
    ["Authorization", "COOKIE", "Proxy-Authorization", "X-Api-Key", "x-auth-token", "Client-Secret", "My-Password-2"],
)
def test_a_header_with_a_telling_name_is_secret(name: str) -> None:
    assert secret_header(name)


@pytest.mark.parametrize("name", ["Accept", "Content-Type", "X-Request-Id", "Set-Cook"])
def test_any_other_header_is_not_unless_its_owner_says_so(name: str) -> None:
    assert not secret_header(name)
    assert secret_header(name, (name.upper(),))


def test_each_kind_of_secret_is_masked_and_the_given_definition_kept() -> None:
    definition: dict[str, Any] = {
        "url": "https://example.com",
        "headers": {"Authorization": "Bearer a", "Accept": "b", "X-Plain": "c"},
        "secret_headers": ["x-plain"],
        "basic_auth": {"username": "ann", "password": "d"},
        "client_certificate": {"certificate": "e", "key": "f"},
        "variables": {"ONE": "g"},
    }
    before = json.dumps(definition)
    public, secrets = split(definition)
    assert json.dumps(definition) == before
    assert secrets == {
        "headers.Authorization": "Bearer a",
        "headers.X-Plain": "c",
        "basic_auth.password": "d",
        "client_certificate.key": "f",
        "variables.ONE": "g",
    }
    assert public["headers"] == {"Authorization": MASK, "Accept": "b", "X-Plain": MASK}
    assert public["basic_auth"] == {"username": "ann", "password": MASK}
    assert join(public, secrets) == definition


def test_secrets_of_steps_are_where_their_step_is() -> None:
    definition: dict[str, Any] = {
        "extra_headers": {"X-Api-Key": "a", "Accept": "b"},
        "steps": [
            {"type": "goto", "url": "https://example.com"},
            {
                "type": "request",
                "url": "/api",
                "headers": {"Authorization": "Bearer c", "X.Token.Y": "d", "Accept": "e"},
            },
            {"type": "totp", "secret": "JBSWY3DPEHPK3PXP", "variable": "CODE"},
            {"type": "totp", "secret": "{{SEED}}", "variable": "CODE"},
        ],
    }
    before = json.dumps(definition)
    public, secrets = split(definition)
    assert json.dumps(definition) == before
    assert secrets == {
        "extra_headers.X-Api-Key": "a",
        "steps.1.headers.Authorization": "Bearer c",
        "steps.1.headers.X.Token.Y": "d",
        "steps.2.secret": "JBSWY3DPEHPK3PXP",
    }
    assert public["steps"][1]["headers"] == {"Authorization": MASK, "X.Token.Y": MASK, "Accept": "e"}
    assert public["steps"][3]["secret"] == "{{SEED}}"
    assert join(public, secrets) == definition
    assert join({"steps": public["steps"][:1]}, secrets) == {"steps": definition["steps"][:1]}


def test_a_new_value_outweighs_the_stored_one_and_a_mask_keeps_it() -> None:
    stored = {"headers.Authorization": "old", "headers.X-Token": "kept"}
    changed = {"headers": {"Authorization": "new", "X-Token": MASK}}
    assert join(changed, stored) == {"headers": {"Authorization": "new", "X-Token": "kept"}}
    assert join({"headers": {}}, stored) == {"headers": {}}
    assert join({"headers": None}, stored) == {"headers": None}


names = st.sampled_from(["Authorization", "X.Api.Key", "Accept", "a-token", "key"]) | st.text(max_size=8)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "headers": st.none() | st.dictionaries(names, st.text(max_size=10), max_size=4),
            "extra_headers": st.dictionaries(names, st.text(max_size=10), max_size=4),
            "variables": st.dictionaries(names, st.text(max_size=10), max_size=4),
            "steps": st.lists(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["request", "totp", "click"])},
                    optional={
                        "headers": st.dictionaries(names, st.text(max_size=10), max_size=3),
                        "secret": st.text(max_size=10),
                    },
                ),
                max_size=12,
            ),
            "basic_auth": st.none() | st.fixed_dictionaries({"username": st.text(), "password": st.text()}),
            "secret_headers": st.lists(names, max_size=2),
            "name": st.text(max_size=5),
        },
    )
)
def test_what_is_parted_comes_back_whole_and_nothing_secret_stays(definition: dict[str, Any]) -> None:
    public, secrets = split(definition)
    assert join(public, secrets) == definition
    assert set((public.get("variables") or {}).values()) <= {MASK}
    assert (public.get("basic_auth") or {}).get("password", MASK) == MASK
    assert {public.get("extra_headers", {}).get(name, MASK) for name in ("Authorization", "key")} == {MASK}
    for step in public.get("steps") or ():
        assert step.get("secret", MASK) == MASK or "{{" in step["secret"]
        assert step.get("headers", {}).get("Authorization", MASK) == MASK

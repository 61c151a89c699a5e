"""The page about people: its commands print what it shows, its roles are the roles, its request signs in."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from cli.main import tracer
from model.people import SCOPES_OF
from store.members import make_key_owner
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.write_lock import Urgency
from tests.api.conftest import Client

PAGE = (Path(__file__).parents[2] / "docs/how-to/people.md").read_text()

on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def alike(text: str) -> list[str]:
    """Its lines without what differs from one Tracer to the next."""
    text = re.sub(r"\b(mem|key)_(?:[0-9a-z]+|…)", r"\1_…", text)
    text = re.sub(r"/invite/(?:[\w-]+|…)", "/invite/…", text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]


@on_sqlite
def test_the_commands_print_what_the_page_shows(api: None, database: Database, clock: Any) -> None:
    ids: dict[str, str] = {}
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        make_key_owner(session, session.scalars(select(ApiKey)).one(), clock.now_ms)
    clock.advance(1_000)
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    commands = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    assert len(commands) == 6
    for command in commands:
        typed, _, shown = command.partition("\n")
        words = [ids.get(word, word) for word in shlex.split(typed)]
        result = CliRunner().invoke(tracer, words[1:])
        assert result.exit_code == 0, f"{typed}: {result.output}"
        if shown.strip():
            assert alike(result.output) == alike(shown), typed
        for prefix in ("mem", "key"):
            found = re.search(rf"\b{prefix}_[0-9a-z]{{22}}", result.output)
            if found:
                ids[f"{prefix}_…"] = found[0]


@on_sqlite
def test_a_colleague_invited_as_the_page_says_signs_in_as_it_says(api: None, app: Flask, owner: Client) -> None:
    [invite] = re.findall(r"^\$ tracer (members invite .*)$", PAGE, re.MULTILINE)
    made = json.loads(CliRunner().invoke(tracer, [*shlex.split(invite), "--json"]).output)
    [body] = re.findall(r"-d '(\{.*?\})'\n", PAGE)
    path = f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}/accept"
    joined = app.test_client().post(path, json={"name": "Ada", "password": json.loads(body)["password"]})
    assert joined.status_code == 201, joined.get_json()
    answer = app.test_client().post("/v1/sessions", data=body, content_type="application/json")
    assert answer.status_code == 201
    ada = Client(app.test_client(), answer.get_json()["data"]["token"])
    assert ada("GET", "/v1/monitors").status_code == 200
    assert ada("POST", "/v1/silences", {"match": {"all": True}, "for": 60}).status_code == 403


def test_each_role_has_its_row_with_its_scopes() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+` ?)+) \|", PAGE, re.MULTILINE)
    assert {role: tuple(re.findall(r"\w+", scopes)) for role, scopes in rows} == {
        str(role): scopes for role, scopes in SCOPES_OF.items()
    }


def test_the_commands_in_its_text_exist() -> None:
    for command in ("setup-link", "members invite", "keys create"):
        result = CliRunner().invoke(tracer, [*command.split(), "--help"])
        assert result.exit_code == 0, result.output
    assert "--new" in CliRunner().invoke(tracer, ["setup-link", "--help"]).output

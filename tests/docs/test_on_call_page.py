"""The page for those on call: its notice is what is sent, its commands work and print what it shows."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from alerts.acknowledge_links import acknowledge_url
from alerts.messages.plain import plain
from alerts.messages.told import told
from api.schemas.decisions import Decision
from cli.main import tracer
from store.alert_tables import Notification
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.alerting import add_channel
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.world import MINUTE_MS, fail, succeed

PAGE = (Path(__file__).parents[2] / "docs/how-to/on-call.md").read_text()
SHOWN_START_MS = 1_772_338_200_000
"""2026-03-01T04:10:00Z, when the page's story begins."""

on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@dataclass
class Story:
    """A good run at 04:10, failed ones at 04:11 and 04:12, and the alert of it."""

    ids: dict[str, str]
    """By prefix: of what the page calls `alr_…`, `mon_…`, `run_…`."""


@pytest.fixture
def story(owner: Client, database: Database, organization: str, clock: Any) -> Story:
    clock.now_ms = SHOWN_START_MS - MINUTE_MS
    channel = add_channel(database, organization)
    monitor = {
        "name": "Orders API", "type": "api", "url": "https://shop.example/orders", "tags": ["shop"],
        "runbook_url": "https://wiki.example/orders", "description": "Takes orders. Team Checkout, #checkout",
    }  # fmt: skip
    check_id = owner.data("POST", "/v1/monitors", monitor, status=201)["id"]
    rule = {
        "name": "Down twice in a row", "type": "consecutive_failures", "threshold": 2, "severity": "critical",
        "channels": [channel], "apply_to": {"tags": ["shop"]},
    }  # fmt: skip
    owner.data("POST", "/v1/alert-rules", rule, status=201)
    succeed(database, organization, check_id, SHOWN_START_MS, location="local")
    cause = "expected the status code to be 200, got 503"
    for minutes in (1, 2):
        clock.now_ms = SHOWN_START_MS + minutes * MINUTE_MS
        run_id = fail(database, organization, check_id, clock.now_ms, location="local", message=cause)
    [alert] = owner.data("GET", "/v1/alerts")
    with database.write(organization, Urgency.PEOPLE) as session:
        sent = session.scalars(select(Notification)).one()
        sent.status, sent.attempts, sent.sent_ms = "sent", 1, clock.now_ms
    return Story({"alr": alert["id"], "mon": check_id, "run": run_id})


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def alike(text: str) -> list[str]:
    """Its lines without what differs from one Tracer to the next: the rest of ids and signatures, the width of
    columns, parts of a second."""
    text = re.sub(r"\b(alr|mon|run|rule|chan)_(?:[0-9a-z]+(?:\.[\w.-]+)?|…)", r"\1_…", text)
    text = re.sub(r"(\d\d:\d\d:\d\d)\.\d{3}Z", r"\1Z", text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]


@on_sqlite
def test_the_notice_shown_is_what_is_sent(story: Story, database: Database, keyring: Keyring, clock: Any) -> None:
    with database.read(EVERY_ORGANIZATION) as session:
        payload = session.scalars(select(Notification)).one().payload
    message = told(payload, PUBLIC_URL, lambda alert: acknowledge_url(keyring, PUBLIC_URL, alert, clock.now_ms))
    [shown] = blocks("text")
    assert alike(f"{message.subject}\n\n{plain(message)}") == alike(shown)


@on_sqlite
def test_the_commands_print_what_the_page_shows(api: None, story: Story) -> None:
    printed = [part for block in blocks("console") for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    assert len(printed) == 6
    for part in printed:
        command, _, shown = part.partition("\n")
        output = run(command, story)
        if shown:
            assert alike(output) == alike(shown), command


@on_sqlite
def test_the_commands_in_its_text_exist(api: None, story: Story) -> None:
    named = re.findall(r"`tracer ([^`]+)`", PAGE)
    assert len(named) >= 5
    for command in named:
        words = [word for word in command.split() if re.fullmatch("[a-z]+", word)]
        result = CliRunner().invoke(tracer, [*words, "--help"])
        assert result.exit_code == 0, result.output
        for option in re.findall(r"(?<!\S)--?[a-z]+", command):
            assert option in result.output, command


def test_each_outcome_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.split("## Why was I not told?")[1], re.MULTILINE)
    outcomes = Decision.model_fields["outcome"].annotation
    assert sorted(rows) == sorted({"outcome", *get_args(outcomes)})


def run(command: str, story: Story) -> str:
    words = [re.sub(r"^(\w+)_…$", lambda found: story.ids[found[1]], word) for word in shlex.split(command)]
    assert words[0] == "tracer"
    result = CliRunner().invoke(tracer, words[1:])
    assert result.exit_code == 0, f"{command}: {result.output}"
    return str(result.output)

"""What the pages about channels show is what Tracer takes and sends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.channels.apprise_schemes import ALLOWED
from alerts.channels.registry import CHANNELS
from alerts.messages.links import with_links
from store.alert_tables import Notification
from store.sessions import EVERY_ORGANIZATION, Database
from tests.alerts.alerting import add_channel, add_rule, tell_story
from tests.alerts.recording import add_check

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to/alert-channels.md").read_text()
REFERENCE = (DOCS / "reference/alert-channels.md").read_text()


def shown(page: str) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("body", shown(HOW_TO), ids=lambda body: body["name"])
def test_each_channel_shown_is_one(body: dict[str, Any]) -> None:
    channel = CHANNELS[body["type"]].model_validate(body["config"])
    assert channel.mistakes() == {}


def test_each_type_is_shown_and_has_its_row_with_its_fields() -> None:
    assert {body["type"] for body in shown(HOW_TO)} == set(CHANNELS)
    for kind, channel in CHANNELS.items():
        [row] = [line for line in REFERENCE.splitlines() if line.startswith(f"| `{kind}` |")]
        assert all(f"`{field}`" in row for field in channel.model_fields)
        assert f"{channel.per_second:g} a second" in row
        assert ("digests" in row) == channel.in_digests


def test_each_scheme_of_apprise_is_listed() -> None:
    listed = " ".join(re.findall(r"^    (.+)$", REFERENCE.split("## apprise")[1], re.MULTILINE)).split()
    assert sorted(listed) == sorted(ALLOWED)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_webhook_body_shown_has_the_fields_that_are_sent(database: Database, organization: str) -> None:
    check, channel_id = add_check(database, organization), add_channel(database, organization)
    add_rule(database, organization, threshold=1, channels=[channel_id])
    tell_story(database, organization, check, "+-")
    with database.read(EVERY_ORGANIZATION) as session:
        sent = with_links(session.scalars(select(Notification)).one().payload, "https://tracer.example.com")
    [example] = shown(REFERENCE)
    assert example.keys() == sent.keys()
    for part in ("alert", "check", "run"):
        assert example["data"][part].keys() == sent["data"][part].keys()

"""An alert of a journey reads well: at which step it failed, and where that journey begins."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.messages.told import Told, told
from alerts.payload import event_payload
from journeys.definition import JourneyCheck
from model.evidence import StepResult
from model.material import material_change
from model.outcome import RunError
from store.checks import create_check
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.alerting import add_rule, alerts_of, record_one
from tests.alerts.recording import T0, measured

BLOCKED = "step 2 click `button[type=submit]`: element is covered by `#cookie-banner`"
STEPS = [
    {"type": "goto", "url": "https://shop.example.com/login"},
    {"type": "click", "selector": "button[type=submit]"},
]


def fail(database: Database, organization: str, said: str, **fields: Any) -> Told:
    """A journey fails once, saying so; what people are told of it."""
    keyring = Keyring({"k1": bytes(32)})
    definition = JourneyCheck.model_validate({"name": "Log in", "locations": ["eu"], "steps": STEPS, **fields})
    with database.write(organization, Urgency.PEOPLE) as session:
        check_id = create_check(session, keyring, organization, definition, T0 - 60_000).id
    add_rule(database, organization, threshold=1)
    run = measured(organization, check_id, T0, passed=False, location="eu")
    steps = (StepResult(0, "goto", "success"), StepResult(1, "click", "failed", "Buy", error=said, screenshot="0" * 64))
    record_one(database, msgspec.structs.replace(run, error=RunError("step_failed", said), steps=steps))
    [alert] = alerts_of(database)
    with database.read(EVERY_ORGANIZATION) as session:
        payload = event_payload(session, alert, "triggered", T0 + 1_000)
    return told(payload, "https://tracer.example", lambda _: None)


def test_the_cause_names_the_step_once_and_the_target_is_where_it_begins(database: Database, organization: str) -> None:
    heard = fail(database, organization, BLOCKED)
    facts = dict(heard.facts)
    assert facts["Cause"].count(BLOCKED) == 1
    assert facts["Cause"].startswith(BLOCKED)
    assert facts["Target"] == "https://shop.example.com/login"
    assert heard.subject.startswith("[HIGH] Log in is down")
    links = dict(heard.links)
    assert links["Run"].startswith("https://tracer.example/runs/run_")
    assert links["Screenshot"] == f"{links['Run']}#step-2"
    assert "/artifacts/" not in str(heard.links)


def test_a_base_comes_before_the_first_page(database: Database, organization: str) -> None:
    heard = fail(database, organization, BLOCKED, base_url="https://shop.example.com")
    assert dict(heard.facts)["Target"] == "https://shop.example.com"


def test_what_a_page_says_stays_inert(database: Database, organization: str) -> None:
    heard = fail(database, organization, "step 1 goto: title was <!channel>\r\nX-Spam: 1 \u202e<script>")
    cause = dict(heard.facts)["Cause"]
    assert not {"\r", "\n", "\u202e"} & set(cause)


def test_an_edit_of_steps_is_told_as_one_reads() -> None:
    assert material_change({"steps": [1]}, {"steps": [2]}) == "has other steps"
    assert material_change({"base_url": None}, {"base_url": "https://e.com"}) == "has another base_url"

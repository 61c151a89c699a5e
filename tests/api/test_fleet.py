"""Probes, locations and the organization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ProbeInstance
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.api.test_monitors import url_monitor


def come_online(
    database: Database,
    organization_id: str,
    probe: dict[str, Any],
    clock: Any,
    name: str = "i1",
    capabilities: Sequence[str] = ("network",),
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.add(
            ProbeInstance(
                id=name,
                organization_id=organization_id,
                probe_id=probe["id"],
                location=probe["location"],
                lease_until_ms=clock.now_ms + 6000,
                started_ms=clock.now_ms,
                seen_ms=clock.now_ms,
                version="0.1.0",
                capabilities=list(capabilities),
                types=["url"],
                running=3,
                spool=7,
                self_check="on",
                stopping=False,
            )
        )


def test_a_probe_is_registered_comes_online_goes_offline_and_is_deleted(
    owner: Client, database: Database, organization: str, clock: Any
) -> None:
    answer = owner("POST", "/v1/probes", {"name": "frankfurt-1", "location": "eu-west"})
    made = answer.get_json()["data"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert made["key"].startswith("tprb_")
    assert (made["status"], made["last_seen_at"], made["version"]) == ("offline", None, None)
    come_online(database, organization, made, clock)
    come_online(database, organization, made, clock, "i2")
    shown = owner.data("GET", f"/v1/probes/{made['id']}")
    assert "key" not in shown
    assert shown.items() >= {
        "status": "online", "instances": 2, "running": 6, "spool": 14, "version": "0.1.0", "self_check": "on",
        "capabilities": ["network"], "last_seen_at": "2024-01-15T10:30:00.000Z",
    }.items()  # fmt: skip
    clock.advance(7000)
    assert owner.data("GET", "/v1/probes")[0]["status"] == "offline"
    assert owner.data("DELETE", f"/v1/probes/{made['id']}") == {"id": made["id"], "deleted": True}
    assert owner("GET", f"/v1/probes/{made['id']}").status_code == 404
    assert owner.data("GET", "/v1/probes") == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "p"}, "location"),
        ({"name": "p", "location": "EU West"}, "location"),
        ({"name": "p", "location": ""}, "location"),
        ({"name": "p", "location": "x" * 65}, "location"),
        ({"name": "x" * 201, "location": "eu"}, "name"),
        ({"name": "p", "location": "eu", "key": "mine"}, "key"),
    ],
)
def test_a_probe_that_makes_no_sense_is_refused_by_field(owner: Client, body: Any, field: str) -> None:
    assert field in owner.error("POST", "/v1/probes", body, status=422)["fields"]


def test_locations_are_all_that_are_named_anywhere(
    owner: Client, database: Database, organization: str, clock: Any
) -> None:
    owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east", "eu-west"]), status=201)
    probe = owner.data("POST", "/v1/probes", {"name": "p", "location": "eu-west"}, status=201)
    owner.data("POST", "/v1/probes", {"name": "p", "location": "ap-south"}, status=201)
    come_online(database, organization, probe, clock)
    shown = {location["name"]: location for location in owner.data("GET", "/v1/locations")}
    assert list(shown) == ["ap-south", "eu-west", "local", "us-east"]
    assert shown["eu-west"] == {
        "name": "eu-west", "status": "online", "probes": 1, "online": 1, "capabilities": ["network"], "monitors": 1,
        "default": False,
    }  # fmt: skip
    assert shown["us-east"].items() >= {"status": "offline", "probes": 0, "monitors": 1}.items()
    assert shown["local"].items() >= {"default": True, "monitors": 0}.items()


def test_the_organization_is_shown_and_changed(owner: Client) -> None:
    shown = owner.data("GET", "/v1/organization")
    assert (shown["name"], shown["default_locations"]) == ("Example", ["local"])
    changed = owner.data("PUT", "/v1/organization", {"name": "Acme", "default_locations": ["eu", "us", "eu"]})
    assert (changed["name"], changed["default_locations"]) == ("Acme", ["eu", "us"])
    assert owner.data("PUT", "/v1/organization", {})["name"] == "Acme"
    assert owner.data("GET", "/v1/organization")["default_locations"] == ["eu", "us"]
    assert "name" in owner.error("PUT", "/v1/organization", {"name": None}, status=422)["fields"]
    assert "plan" in owner.error("PUT", "/v1/organization", {"plan": "free"}, status=422)["fields"]

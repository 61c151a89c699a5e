"""Times that people type into filters, in the zone that they read times in."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from api.errors import Invalid
from api.pages.moments import moment_ms, typed_moments, zone_of
from model.times import parse_iso
from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.world import Browser
from tests.api.test_monitors import url_monitor
from tests.api.test_runs import finish

TOKYO = {"zone": "Asia/Tokyo"}


@pytest.mark.parametrize(
    ("typed", "zone", "means"),
    [
        ("2024-01-15 10:30", "UTC", "2024-01-15T10:30:00Z"),
        ("2024-01-15 10:30", "Asia/Tokyo", "2024-01-15T01:30:00Z"),
        ("2024-07-15", "Europe/Berlin", "2024-07-14T22:00:00Z"),
        ("2024-01-15T10:30:00Z", "Asia/Tokyo", "2024-01-15T10:30:00Z"),
    ],
)
def test_a_time_is_of_the_zone_it_is_typed_in(typed: str, zone: str, means: str) -> None:
    assert moment_ms(typed, ZoneInfo(zone)) == parse_iso(means)


@pytest.mark.parametrize("typed", ["soon", "2024-13-01", "15.1.2024"])
def test_what_is_no_time_is_said_beside_its_field(typed: str) -> None:
    assert typed_moments({"from": typed, **TOKYO}) == (
        {},
        {"from": "must be a date and a time such as 2026-11-26 14:30"},
    )


def test_an_end_before_its_beginning_is_wrong() -> None:
    assert typed_moments({"from": "2024-01-02", "to": "2024-01-01"})[1] == {"to": "must be later than from"}


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", "x" * 200])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        zone_of(name)


def test_runs_are_filtered_in_the_readers_zone(
    signed_in: Browser, owner: Client, database: Database, organization: str
) -> None:
    monitor = owner.data("POST", "/v1/monitors", url_monitor(), status=201)["id"]
    at_ms = parse_iso("2024-01-15T01:30:00Z")
    run = finish(database, organization, monitor, at_ms).run_id
    path = f"/monitors/{monitor}?from=2024-01-15+10:29&to=2024-01-15+10:31"
    assert run in signed_in.answer(f"{path}&zone=Asia/Tokyo").text
    assert run not in signed_in.answer(path).text
    assert signed_in.get(f"{path}&zone=Mars", status=422)
    assert run in signed_in.answer(f"/monitors/{monitor}?zone=Asia/Tokyo").text


def test_the_audit_log_is_filtered_in_the_readers_zone(signed_in: Browser) -> None:
    whole = signed_in.get("/settings/audit").text
    assert "session.began" in whole
    beside = "/settings/audit?from=2024-01-15+15:00&to=2024-01-16"
    in_utc, in_tokyo = (signed_in.get(f"{beside}{zone}").text for zone in ("", "&zone=Asia/Tokyo"))
    assert ("session.began" in in_utc) != ("session.began" in in_tokyo)

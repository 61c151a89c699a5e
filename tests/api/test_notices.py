"""What Tracer says about itself, over REST, and who hears it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.notices import raise_notice, resolve_notice
from model.notices import NoticeKind
from store.sessions import Database
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.api.conftest import Client
from tests.conftest import Clock

LINK = "https://tracer.example/alerts"


@pytest.fixture
def owners(database: Database, clock: Clock, organization: str) -> Owners:
    return Owners(database, clock, organization)


def say(owners: Owners, kind: NoticeKind, subject: str) -> str:
    with owners.database.write(owners.organization, Urgency.PEOPLE) as session:
        return raise_notice(
            session, owners.organization, kind=kind.value, subject=subject, severity="high",
            message=f"{subject} is gone", link=LINK, now_ms=owners.clock.now_ms,
        ).id  # fmt: skip


def test_notices_are_listed_newest_first_and_by_status_and_kind(owner: Client, owners: Owners, clock: Clock) -> None:
    first = say(owners, NoticeKind.LOCATION_OFFLINE, "eu")
    clock.advance(1_000)
    second = say(owners, NoticeKind.DISK_LOW, "/data")
    clock.advance(1_000)
    with owners.database.write(owners.organization, Urgency.PEOPLE) as session:
        resolve_notice(
            session, owners.organization, kind="location_offline", subject="eu", now_ms=clock.now_ms
        )  # fmt: skip
    assert owner.data("GET", "/v1/notices") == [
        {
            "id": second, "at": "2024-01-15T10:30:01.000Z", "kind": "disk_low", "severity": "high",
            "message": "/data is gone", "link": LINK, "resolved_at": None,
        },
        {
            "id": first, "at": "2024-01-15T10:30:00.000Z", "kind": "location_offline", "severity": "high",
            "message": "eu is gone", "link": LINK, "resolved_at": "2024-01-15T10:30:02.000Z",
        },
    ]  # fmt: skip

    def ids(query: str) -> list[str]:
        return [notice["id"] for notice in owner.data("GET", f"/v1/notices?{query}")]

    assert ids("status=open") == [second]
    assert ids("status=resolved") == [first]
    assert ids("kind=location_offline") == [first]
    assert ids("kind=location_offline&status=open") == []
    assert ids("per_page=1&page=2") == [first]
    meta = owner("GET", "/v1/notices?per_page=1").get_json()["meta"]
    assert meta == {"total": 2, "page": 1, "per_page": 1}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "field"), [("status=new", "status"), ("kind=weather", "kind"), ("per_page=101", "per_page"), ("a=b", "a")]
)
def test_a_filter_that_does_not_exist_is_named(owner: Client, query: str, field: str) -> None:
    assert field in owner.error("GET", f"/v1/notices?{query}", status=422)["fields"]


def test_nobody_sees_another_organizations_notices(
    owners: Owners, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    say(owners, NoticeKind.LOCATION_OFFLINE, "eu")
    stranger = client_of("read", organization_id=make_organization("Others"))
    assert stranger.data("GET", "/v1/notices") == []


def test_the_channels_that_hear_notices_are_chosen_and_must_exist(
    owner: Client, owners: Owners, clock: Clock, make_organization: Callable[[str], str], database: Database
) -> None:
    one, two = owners.channel("one"), owners.channel("two")
    others = Owners(database, clock, make_organization("Others")).channel("theirs")

    def put(value: Any) -> Any:
        return owner.data("PUT", "/v1/organization", {"notice_channels": value})["notice_channels"]

    assert owner.data("GET", "/v1/organization")["notice_channels"] is None
    assert put([two, one, two]) == [two, one]
    assert owner.data("PUT", "/v1/organization", {"name": "Acme"})["notice_channels"] == [two, one]
    for strange in (others, "chan_nothing", ""):
        fields = owner.error("PUT", "/v1/organization", {"notice_channels": [one, strange]}, status=422)["fields"]
        assert fields == {"notice_channels.1": ["there is no such alert channel"]}
    assert "notice_channels" in owner.error("PUT", "/v1/organization", {"notice_channels": one}, status=422)["fields"]
    owners.change(two, deleted_ms=clock.now_ms)
    assert owner.data("GET", "/v1/organization")["notice_channels"] == [one]
    owners.change(one, deleted_ms=clock.now_ms)
    assert owner.data("GET", "/v1/organization")["notice_channels"] is None, "all others are told then"
    assert put([]) == []
    assert put(None) is None

"""/settings/maintenance: the calendar, and windows of every kind planned, changed, ended and deleted by their form."""

from __future__ import annotations

import pytest

from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser, form_token
from tests.api.test_monitors import url_monitor

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
WINDOWS = "/settings/maintenance"


def test_maintenance_is_planned_shown_in_its_month_changed_and_deleted(
    signed_in: Browser, owner: Client, outage: Outage
) -> None:
    once = {
        "name": "Upgrade", "kind": "once", "starts_at": "2024-01-20T22:00", "ends_at": "2024-01-21T01:30",
        "timezone": "Europe/Berlin", "covers": "some", "checks": outage.check_id,
    }  # fmt: skip
    nightly = {"name": "Backup", "kind": "cron", "cron": "0 3 * * *", "duration": "30 min", "covers": "all"}
    assert signed_in.send(f"{WINDOWS}/new", WINDOWS, **once).status_code == 303
    assert signed_in.send(f"{WINDOWS}/new", WINDOWS, **nightly, timezone="UTC").status_code == 303
    cron, single = sorted(owner.data("GET", "/v1/maintenance-windows"), key=lambda window: str(window["name"]))
    assert (single["starts_at"], single["ends_at"]) == ("2024-01-20T21:00:00.000Z", "2024-01-21T00:30:00.000Z")
    assert (cron["duration"], cron["cron"]) == (1800, "0 3 * * *")
    seen = signed_in.get(f"{WINDOWS}?month=2024-01")
    entries = [tag for tag in seen.all("a") if tag.get("class") == "entry"]
    assert len(entries) == 20 + 2, "of the nightly one, none before it was made"
    assert "Upgrade from 21:00" in seen.text
    assert "Upgrade until 00:30" in seen.text
    assert "Backup 03:00 to 03:30" in seen.text
    late = {**nightly, "name": "Late", "cron": "30 23 * * *", "duration": "1 h"}
    assert signed_in.send(f"{WINDOWS}/new", WINDOWS, **late, timezone="UTC").status_code == 303
    text = signed_in.get(f"{WINDOWS}?month=2024-01").text
    assert (text.count("Late from 23:30"), text.count("Late until 00:30")) == (21, 20)
    assert "Upgrade 22:00" not in signed_in.get(f"{WINDOWS}?month=2024-03").text
    assert "Upgrade until 01:30" in signed_in.get(f"{WINDOWS}?month=2024-01&zone=Europe/Berlin").text
    path = f"{WINDOWS}/{single['id']}"
    shown = {tag.get("name"): tag.get("value") for tag in signed_in.get(path).all("input")}
    assert (shown["starts_at"], shown["timezone"]) == ("2024-01-20T21:00", "UTC")
    assert signed_in.send(path, path, **{**nightly, "cron": "0 4 * * *", "timezone": "UTC"}).status_code == 303
    assert owner.data("GET", f"/v1/maintenance-windows/{single['id']}")["cron"] == "0 4 * * *"
    assert signed_in.send(path, f"{path}/delete").status_code == 303
    assert len(owner.data("GET", "/v1/maintenance-windows")) == 2


def test_what_holds_now_ends_by_a_button_and_the_list_begins_with_it(signed_in: Browser, owner: Client) -> None:
    for name, starts, ends in (
        ("Later", "2024-02-01T10:00", "2024-02-01T11:00"), ("Now", "2024-01-15T10:00", "2024-01-15T12:00"),
        ("Soon", "2024-01-16T10:00", "2024-01-16T12:00"), ("Past", "2024-01-10T10:00", "2024-01-10T12:00"),
    ):  # fmt: skip
        times = {"starts_at": starts, "ends_at": ends, "timezone": "UTC"}
        fields = {"name": name, "kind": "once", "covers": "all", **times}
        assert signed_in.send(f"{WINDOWS}/new", WINDOWS, **fields).status_code == 303
    listed = [tag.get("href") for tag in signed_in.get(WINDOWS).all("a") if tag.get("class") == "named"]
    ids = {one["name"]: one["id"] for one in owner.data("GET", "/v1/maintenance-windows")}
    assert listed == [f"{WINDOWS}/{ids[name]}" for name in ("Now", "Soon", "Later", "Past")]
    now = f"{WINDOWS}/{ids['Now']}"
    assert signed_in.send(now, f"{now}/end").status_code == 303
    ended = owner.data("GET", f"/v1/maintenance-windows/{ids['Now']}")
    assert (ended["ends_at"], ended["active"]) == ("2024-01-15T10:30:00.000Z", False)
    refused = signed_in.post(f"{WINDOWS}/{ids['Soon']}/end", {"form_token": form_token(signed_in)})
    assert refused.status_code == 409


def test_one_that_comes_again_is_ended_for_this_time(signed_in: Browser, owner: Client) -> None:
    hourly = {"name": "Hourly", "cron": "15 * * * *", "duration": 3600, "apply_to": {"all": True}}
    window = owner.data("POST", "/v1/maintenance-windows", hourly, status=201)
    page = f"{WINDOWS}/{window['id']}"
    assert "It holds now, until 11:15:00. Ended now, it comes again at its next time." in signed_in.get(page).text
    assert signed_in.send(page, f"{page}/end").status_code == 303
    assert owner.data("GET", f"/v1/maintenance-windows/{window['id']}")["active"] is False
    assert "End it now" not in signed_in.get(page).text


def test_the_calendar_draws_nothing_before_a_window_was_made(signed_in: Browser) -> None:
    nightly = {"name": "Backup", "kind": "cron", "cron": "0 3 * * *", "duration": "30 min", "covers": "all"}
    signed_in.send(f"{WINDOWS}/new", WINDOWS, **nightly, timezone="UTC")
    entries = [tag for tag in signed_in.get(f"{WINDOWS}?month=2024-01").all("a") if tag.get("class") == "entry"]
    assert len(entries) == 20, "from the 16th to the 4th"


def test_maintenance_of_every_week_is_chosen_by_its_days(signed_in: Browser, owner: Client) -> None:
    chosen = {
        "name": "Patches", "kind": "weekly", "on": ["TUE", "THU"], "at": "02:30", "duration": "1 h", "covers": "all",
        "timezone": "Europe/Berlin", "form_token": form_token(signed_in), "message": "We patch.\r\nBack at four.",
    }  # fmt: skip
    assert signed_in.post(WINDOWS, chosen).status_code == 303
    [made] = owner.data("GET", "/v1/maintenance-windows")
    assert made["message"] == "We patch.\nBack at four."
    assert (made["cron"], made["duration"], made["timezone"]) == ("30 2 * * TUE,THU", 3600, "Europe/Berlin")
    assert "Every Tuesday and Thursday at 02:30 in Europe/Berlin, for 1 h, next " in signed_in.get(WINDOWS).text
    path = f"{WINDOWS}/{made['id']}"
    seen = signed_in.get(path)
    boxes = [tag.get("value") for tag in seen.all("input") if tag.get("name") == "on" and "checked" in tag]
    assert boxes == ["TUE", "THU"]
    assert "Next: " in seen.text
    answer = signed_in.post(path, {**chosen, "on": []})
    assert (answer.status_code, "must name at least one day" in answer.get_data(as_text=True)) == (422, True)


@sqlite_only
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ends_at": "2024-01-20T21:00"}, "must be after the start"),
        ({"starts_at": "soon"}, "must be a date and a time"),
        ({"timezone": "Mars/Base"}, "is not an IANA time zone"),
        ({"kind": "cron", "cron": "often", "duration": "1 h"}, "five fields"),
        ({"kind": "cron", "cron": "0 3 * * *", "duration": ""}, "stretch of time"),
        ({"covers": "some"}, "needs something: all, a tag, or one by name"),
        ({"starts_at": "2024-03-31T02:30", "timezone": "Europe/Berlin"}, "no clock in Europe/Berlin shows"),
    ],
)
def test_maintenance_that_makes_no_sense_is_refused_beside_its_field(
    signed_in: Browser, owner: Client, wrong: dict[str, str], said: str
) -> None:
    good = {
        "name": "Mine",
        "kind": "once",
        "starts_at": "2024-01-20T22:00",
        "ends_at": "2024-01-20T23:00",
        "covers": "all",
    }
    answer = signed_in.send(f"{WINDOWS}/new", WINDOWS, **{**good, "timezone": "UTC", **wrong})
    text = answer.get_data(as_text=True)
    assert (answer.status_code, said in text, 'value="Mine"' in text) == (422, True, True), text
    assert owner.data("GET", "/v1/maintenance-windows") == []


def test_checks_of_one_name_are_told_apart_by_what_they_look_at(signed_in: Browser, owner: Client) -> None:
    for name, url in (("Shop", "https://a.example/"), ("Shop", "https://b.example/"), ("Blog", "https://c.example/")):
        owner.data("POST", "/v1/monitors", url_monitor(name=name, url=url, locations=["local"]), status=201)
    text = signed_in.get(f"{WINDOWS}/new").text
    assert "Shop url · https://a.example/" in text
    assert "Shop url · https://b.example/" in text
    assert "c.example" not in text
    page = signed_in.answer("/settings/status-pages/new").get_data(as_text=True)
    assert ">Shop: https://a.example/</option>" in page
    assert '<option value="Blog"></option>' in page

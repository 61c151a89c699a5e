"""/monitors/:id: the answer in words, the chart from runs or rollups, the list of runs, and what can be done."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from alerts.record import record
from model.heartbeat import Signal
from model.outcome import Metrics, RunError
from model.times import DAY_MS, HOUR_MS
from store import check_history
from store.audit import UNAUDITED
from store.heartbeats import ping
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Gap, RollupDay
from store.write_lock import Urgency
from tests.api.conftest import Client, MakeKey
from tests.api.pages.conftest import Outage
from tests.api.pages.world import MINUTE_MS, Browser, Seen, fail, succeed
from tests.api.test_monitors import HEARTBEAT, TCP_MONITOR, url_monitor
from tests.api.test_runs import finish

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
CERTIFICATE = {"subject": "CN=shop", "issuer": "CN=R11", "serial": "1", "not_after": "2024-03-16T10:30:00Z"}


def heading(seen: Seen) -> str:
    return seen.text.split("Sign out")[1]


def made(owner: Client, **fields: Any) -> str:
    definition = fields if "type" in fields else url_monitor(**{"locations": ["us-east"], **fields})
    return str(owner.data("POST", "/v1/monitors", {"locations": ["us-east"], **definition}, status=201)["id"])


def labels(seen: Seen) -> str:
    return " | ".join(tag.get("aria-label") or "" for tag in seen.all("svg"))


def test_a_check_that_is_down_says_so_first_and_why(
    signed_in: Browser, outage: Outage, database: Database, organization: str, clock: Any
) -> None:
    stale = signed_in.get(f"/monitors/{outage.check_id}").text
    assert "Orders API is not measured" in stale
    assert "It was down when it was last measured: status_code was 503, expected 201." in stale
    fail(database, organization, outage.check_id, clock.now_ms)
    seen = signed_in.get(f"/monitors/{outage.check_id}")
    text = heading(seen)
    parts = ("Orders API is down for", "status_code was 503, expected 201", "https://example.com/", "Uptime 24 hours",
             "Where the time goes", "Any result", "Failed status_code was 503", "245 ms")  # fmt: skip
    assert [part for part in parts if part not in text] == []
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert outage.page in {anchor.get("href") for anchor in seen.all("a")}
    assert "with failures" in labels(seen)
    assert f"/runs/{outage.failed[1]}" in {anchor.get("href") for anchor in seen.all("a")}


def test_a_monitor_with_no_runs_yet_is_a_page_all_the_same(signed_in: Browser, owner: Client) -> None:
    text = signed_in.get(f"/monitors/{made(owner)}").text
    assert "Example has not been measured yet" in text
    assert "No probe is online at the location us-east" in text
    assert "It has not run yet" in text
    assert "nothing was due" in text


def test_what_was_due_in_maintenance_alone_is_told_as_that(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    finish(database, organization, check_id, clock.now_ms, location="us-east", maintenance=True)
    text = signed_in.get(f"/monitors/{check_id}").text
    assert text.count("all of it in maintenance") == 4
    assert "nothing was due" not in text.split("Where the time goes")[0]


def test_a_young_monitors_uptime_says_since_when_it_is_one(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    succeed(database, organization, check_id, clock.now_ms)
    assert signed_in.get(f"/monitors/{check_id}").text.count("all measured since it was made") == 4
    with database.write(organization, Urgency.PEOPLE) as session:
        older = update(Check).values(created_ms=clock.now_ms - 25 * HOUR_MS)
        session.execute(older, execution_options={UNAUDITED: True})
    text = signed_in.get(f"/monitors/{check_id}").text
    assert text.count("since it was made") == 3


def test_badges_are_found_from_the_monitors_page(signed_in: Browser, owner: Client) -> None:
    check_id = made(owner)
    assert "let anybody see them" in signed_in.get(f"/monitors/{check_id}").text
    owner.data("PUT", f"/v1/monitors/{check_id}", {"badge": True})
    seen = signed_in.get(f"/monitors/{check_id}")
    sources = [str(tag["src"]) for tag in seen.all("img")]
    assert sources == [f"/badge/{check_id}/{what}.svg" for what in ("state", "uptime")]
    for source in sources:
        assert signed_in.answer(source).mimetype == "image/svg+xml"


def test_the_phases_of_a_short_span_are_those_of_its_runs(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    for minute in range(3):
        response = {"status_code": 200, "certificate": CERTIFICATE}
        succeed(database, organization, check_id, clock.now_ms + minute * MINUTE_MS, response=response)
    clock.advance(3 * MINUTE_MS)
    for span in ("1h", "6h", "24h", "7d", "30d", "90d", "13mo"):
        seen = signed_in.get(f"/monitors/{check_id}?span={span}")
        assert "245 ms on average" in labels(seen), span
        assert "DNS 15" in labels(seen), span
        assert "waiting 5" in labels(seen), span
        assert "none with failures" in labels(seen), span
    assert "60 days" in seen.text
    assert "CN=R11" in seen.text


def test_thirteen_months_come_from_the_rollups_with_no_run_left(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    today = clock.now_ms - clock.now_ms % DAY_MS
    counts = {"success": 1_400, "failed": 0, "maintenance": 0, "duration_sum_ms": 1_400 * 120.0}
    with database.write(organization, Urgency.PEOPLE) as session:
        for day in range(400):
            holes = {"planned": 1_440, "unmeasured": {"no_probe": 40}} if day == 200 else {"planned": 1_400}
            session.add(
                RollupDay(
                    check_id=check_id, organization_id=organization, location="us-east",
                    bucket_ms=today - day * DAY_MS, **{**counts, **holes},
                )
            )  # fmt: skip
    seen = signed_in.get(f"/monitors/{check_id}?span=13mo")
    assert "120 ms on average" in labels(seen)
    assert "no phases kept" in labels(seen)
    assert "1 not fully measured" not in labels(seen), "40 of 5,600 are under a hundredth"
    assert "99 columns" in labels(seen)


def test_a_stretch_that_nobody_ran_is_hatched_and_one_entry_of_the_list(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    with database.write(organization, Urgency.PEOPLE) as session:
        session.add(
            Gap(
                id="gap_0123456789", organization_id=organization, check_id=check_id, location="us-east", slots=14,
                from_ms=clock.now_ms - 20 * MINUTE_MS, to_ms=clock.now_ms - 6 * MINUTE_MS, status="unknown",
                error_code="no_probe", error_message="nobody <b>there</b>",
            )
        )  # fmt: skip
    text = signed_in.answer(f"/monitors/{check_id}?span=1h").get_data(as_text=True)
    assert "14 runs not measured" in text
    assert "nobody &lt;b&gt;there" in text
    assert "none with failures, 15 not fully measured" in text


def test_a_failure_among_many_runs_is_not_left_out(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    fail(database, organization, check_id, clock.now_ms)
    for second in range(1, 40):
        succeed(database, organization, check_id, clock.now_ms + second * 1_000)
    clock.advance(MINUTE_MS)
    assert "1 with failures" in labels(signed_in.get(f"/monitors/{check_id}"))


def test_the_chart_can_be_of_one_location_or_a_line_each(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner, locations=["us-east", "eu-west"])
    succeed(database, organization, check_id, clock.now_ms, location="us-east", duration_ms=100.0)
    succeed(database, organization, check_id, clock.now_ms, location="eu-west", duration_ms=300.0)
    clock.advance(MINUTE_MS)
    for span in ("1h", "7d"):
        assert "300 ms on average" in labels(signed_in.get(f"/monitors/{check_id}?span={span}&location=eu-west"))
        both = labels(signed_in.get(f"/monitors/{check_id}?span={span}&by=location"))
        assert [part for part in ("by location", "us-east 100 ms", "eu-west 300 ms") if part not in both] == []
    for query in ("span=2y", "location=mars", "by=colour"):
        signed_in.answer(f"/monitors/{check_id}?{query}", status=422)


def test_runs_are_filtered_and_a_wrong_filter_is_said_at_its_field(
    signed_in: Browser, outage: Outage, clock: Any
) -> None:
    page = f"/monitors/{outage.check_id}"
    failed = signed_in.get(f"{page}?status=failed").text
    assert "2 runs" in failed
    assert "1 run " in signed_in.get(f"{page}?status=success&place=us-east&trigger=schedule").text
    assert "No run fits" in signed_in.get(f"{page}?place=eu-west").text
    assert "1 run " in signed_in.get(f"{page}?from=2024-01-15T10:32&to=2024-01-15T10:33").text
    bad = signed_in.get(f"{page}?from=yesterday&to=2024-01-15", status=422)
    assert "From must be a date and a time such as" in bad.text
    values = {tag.get("name"): tag.get("value") for tag in bad.all("input")}
    assert (values["from"], values["to"]) == ("yesterday", "2024-01-15")
    for query in ("status=purple", "trigger=whim", "place=mars", "page=0", "from=2024-02-01&to=2024-01-01"):
        signed_in.answer(f"{page}?{query}", status=422)


def test_more_runs_than_a_page_holds_are_turned_to(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    ids = [succeed(database, organization, check_id, clock.now_ms + n * MINUTE_MS) for n in range(23)]
    clock.advance(23 * MINUTE_MS)
    first, second = (signed_in.get(f"/monitors/{check_id}{query}") for query in ("", "?page=2"))
    assert f"/runs/{ids[0]}" not in {anchor.get("href") for anchor in first.all("a")}
    assert f"/runs/{ids[0]}" in {anchor.get("href") for anchor in second.all("a")}
    assert f"/monitors/{check_id}?page=2#runs" in {anchor.get("href") for anchor in first.all("a")}


def test_a_run_by_hand_leads_to_the_run(signed_in: Browser, owner: Client, database: Database) -> None:
    check_id = made(owner)
    answer = signed_in.send(f"/monitors/{check_id}", f"/monitors/{check_id}/run")
    assert answer.status_code == 303
    run_id = answer.headers["Location"].removeprefix("/runs/")
    page = signed_in.get(f"/runs/{run_id}")
    assert "Example is waiting for a probe from us-east" in page.text
    assert f"/monitors/{check_id}" in {anchor.get("href") for anchor in page.all("a")}
    assert owner.data("GET", f"/v1/runs/{run_id}")["trigger"] == "manual"


def test_pause_resume_and_mute_do_what_the_api_does(signed_in: Browser, owner: Client, clock: Any) -> None:
    check_id = made(owner)
    page = f"/monitors/{check_id}"
    for _ in range(2):
        signed_in.post(f"{page}/pause", {"form_token": token(signed_in, page)})
    assert owner.data("GET", f"/v1{page}")["status"] == "paused"
    assert "Example is paused" in signed_in.get(page).text
    signed_in.send(page, f"{page}/resume")
    assert owner.data("GET", f"/v1{page}")["status"] == "active"
    for wanted, until in (("1h", "2024-01-15T11:30:00.000Z"), ("ever", "9999-12-31T00:00:00.000Z"), ("no", None)):
        signed_in.post(f"{page}/mute", {"form_token": token(signed_in, page), "for": wanted})
        assert owner.data("GET", f"/v1{page}")["muted_until"] == until
        assert ("muted until" in signed_in.get(page).text) == (until is not None)
    answer = signed_in.post(f"{page}/mute", {"form_token": token(signed_in, page), "for": "a while"})
    assert answer.status_code == 422
    actions = [row["action"] for row in owner.data("GET", "/v1/audit-log")]
    assert actions[:5] == ["monitor.updated"] * 3 + ["monitor.resumed", "monitor.paused"]


def test_deleting_names_the_check_and_is_asked_for_twice_without_harm(signed_in: Browser, owner: Client) -> None:
    check_id = made(owner, name="Shop")
    page = f"/monitors/{check_id}"
    assert "Delete Shop?" in signed_in.get(page).text
    given = {"form_token": token(signed_in, page)}
    assert signed_in.post(f"{page}/delete", given).headers["Location"] == "/monitors?done=deleted"
    assert signed_in.post(f"{page}/delete", given).status_code == 404
    signed_in.answer(page, status=404)


@sqlite_only
def test_who_may_only_read_sees_no_deeds(browser: Browser, owner: Client, make_key: MakeKey) -> None:
    beat = str(owner.data("POST", "/v1/monitors", HEARTBEAT, status=201)["id"])
    browser.sign_in(make_key(("read",)))
    for check_id in (made(owner), beat):
        seen = browser.get(f"/monitors/{check_id}")
        assert {form.get("action") for form in seen.all("form")} == {"/logout", f"/monitors/{check_id}#runs"}
        assert "/ping/" not in seen.text


def test_a_heartbeat_says_how_to_ping_it_and_when_it_was(
    signed_in: Browser, owner: Client, database: Database, keyring: Keyring, clock: Any
) -> None:
    shown = owner.data("POST", "/v1/monitors", HEARTBEAT, status=201)
    page = f"/monitors/{shown['id']}"
    seen = signed_in.get(page)
    assert "Nightly backup is waiting for its first ping" in seen.text
    assert f"curl -fsS -m 10 --retry 3 {shown['ping_url']}" in seen.text
    assert "Run now" not in seen.text
    token_hash = keyring.hash_key(shown["ping_url"].split("/")[-1])
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        pinged = ping(session, token_hash, Signal("success"), clock.now_ms, b"all <i>done</i>")
        assert pinged is not None
        assert record(session, pinged.finished, clock.now_ms) == []
    seen = signed_in.get(page)
    assert "Nightly backup is up" in seen.text
    assert "all <i>done</i>" in seen.text, "as text: the parser found no tag"
    assert not seen.all("i")


@sqlite_only
def test_every_type_has_its_configuration_in_words(signed_in: Browser, owner: Client) -> None:
    dns = {"name": "MX", "type": "dns", "host": "example.com", "record_type": "MX", "locations": ["us-east"]}
    api = url_monitor(
        type="api", method="POST", json={"a": 1}, retries={"count": 2, "delay": 5}, degraded_ms=800, tags=["shop"],
        assertions=[{"type": "json_path", "path": "$.ok", "operator": "equals", "value": True}],
    )  # fmt: skip
    for definition, parts in (
        (TCP_MONITOR, ("db.example.com:5432", "a connection is made")),
        (dns, ("example.com MX", "at least one record")),
        (api, ("POST https://example.com/", "tries 2 more times 5 s apart", "JSON value $.ok equals true", "800 ms",
               "status is 2xx", "shop")),
    ):  # fmt: skip
        text = signed_in.get(f"/monitors/{made(owner, **definition)}").text
        for part in parts:
            assert part in text, part


@sqlite_only
def test_a_journeys_id_leads_to_its_page_and_other_ids_are_unknown(signed_in: Browser) -> None:
    answer = signed_in.answer("/monitors/jny_01h00000000000000000000000", status=303)
    assert answer.headers["Location"] == "/journeys/jny_01h00000000000000000000000"
    for other in ("mon_01h00000000000000000000000", "%3Cscript%3E"):
        signed_in.answer(f"/monitors/{other}", status=404)


@sqlite_only
def test_the_list_of_monitors_leaves_journeys_to_theirs(signed_in: Browser, owner: Client) -> None:
    check_id = made(owner, name="Shop")
    steps = [{"type": "goto", "url": "https://example.com/"}]
    owner.data("POST", "/v1/journeys", {"name": "Checkout", "steps": steps, "locations": ["us-east"]}, status=201)
    seen = signed_in.get("/monitors")
    assert "Shop" in seen.text
    assert "Checkout" not in seen.text
    assert {f"/monitors/{check_id}", "/monitors/new"} <= {anchor.get("href") for anchor in seen.all("a")}


@sqlite_only
def test_what_a_page_costs_does_not_grow_with_its_runs(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any, monkeypatch: Any
) -> None:
    check_id = made(owner)
    for second in range(200):
        succeed(database, organization, check_id, clock.now_ms + second * 1_000)
    clock.advance(200_000)
    columns = check_history.Columns(clock.now_ms - HOUR_MS, HOUR_MS, 1)
    with database.read(organization) as session:
        assert len(check_history.samples(session, organization, check_id, columns, None, 1)) == check_history.SAMPLES


def token(browser: Browser, page: str) -> str:
    return next(tag["value"] or "" for tag in browser.get(page).all("input") if tag.get("name") == "form_token")


def test_what_was_down_where_nobody_measures_any_more_does_not_look_green(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    body = url_monitor(locations=["local", "us-east"], interval=60)
    check_id = owner.data("POST", "/v1/monitors", body, status=201)["id"]
    for minute in range(12):
        at_ms = clock.now_ms + minute * MINUTE_MS
        succeed(database, organization, check_id, at_ms, location="local")
        if minute < 3:
            fail(database, organization, check_id, at_ms, location="us-east")
    clock.advance(11 * MINUTE_MS)
    seen = signed_in.get(f"/monitors/{check_id}")
    assert "Up in part" in seen.text
    assert "Example is up from local" in seen.text
    assert "Not measured from us-east. It was down when it was last measured from us-east: status_code was" in seen.text
    assert "up in part" in signed_in.get("/").text


def test_time_that_no_phase_ended_is_drawn_as_none(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    error = RunError("timeout", "no answer came in time")
    for minute in range(3):
        fail(database, organization, check_id, clock.now_ms + minute * MINUTE_MS, location="us-east", error=error,
             duration_ms=5_000.0, metrics=Metrics(connect_ms=10.0), response=None)  # fmt: skip
    clock.advance(3 * MINUTE_MS)
    said = labels(signed_in.get(f"/monitors/{check_id}"))
    assert "connect 10 ms" in said
    assert "redirects, no answer 4.99 s" in said


def test_phases_that_are_all_of_the_time_leave_no_rest(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    metrics = Metrics(connect_ms=10.0, ttfb_ms=30.0, download_ms=5.1)
    finish(database, organization, check_id, clock.now_ms, location="us-east", duration_ms=35.2, metrics=metrics)
    said = labels(signed_in.get(f"/monitors/{check_id}"))
    assert "waiting 20 ms" in said
    assert "redirects, no answer" not in said


def test_maintenance_that_uptime_leaves_out_is_said(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = made(owner)
    succeed(database, organization, check_id, clock.now_ms, location="us-east")
    assert "maintenance left out" not in signed_in.get(f"/monitors/{check_id}").text
    fail(database, organization, check_id, clock.now_ms + MINUTE_MS, location="us-east", maintenance=True)
    clock.advance(MINUTE_MS)
    assert signed_in.get(f"/monitors/{check_id}").text.count("maintenance left out") == 4


def test_a_young_monitors_chart_begins_with_a_span_that_it_fills(signed_in: Browser, owner: Client, clock: Any) -> None:
    check_id = made(owner)
    for after_ms, span in ((0, "1 h"), (2 * HOUR_MS, "6 h"), (6 * HOUR_MS, "24 h")):
        clock.advance(after_ms)
        text = signed_in.answer(f"/monitors/{check_id}").get_data(as_text=True)
        assert re.search(rf'aria-current="[a-z]+"[^>]*>{span}<', text), span

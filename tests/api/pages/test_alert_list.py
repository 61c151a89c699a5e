"""/alerts: the worst first, with the state each is about; filters; who was not told; what Tracer says of itself."""

from __future__ import annotations

import re
from typing import Any

import pytest

from alerts.notices import raise_notice, resolve_notice
from model.ids import new_id
from store.sessions import Database
from store.write_lock import Urgency
from tests.alerts.alerting import add_rule
from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser, Seen, add_alert, tell
from tests.api.test_monitors import url_monitor

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def titles(browser: Browser, path: str = "/alerts") -> list[str]:
    """Of the alerts on the page, in its order."""
    text = browser.answer(path).get_data(as_text=True)
    return re.findall(r'<h2><a href="/alerts/alr_\w+">([^<]*)</a></h2>', text)


def notice(database: Database, organization: str, now_ms: int, subject: str = "eu-west") -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        raise_notice(
            session, organization, kind="location_offline", subject=subject, severity="high", now_ms=now_ms,
            message=f"No probe of the location {subject} is online", link="https://tracer.example/alerts",
        )  # fmt: skip


def test_what_nobody_has_is_first_and_the_worst_of_it(
    signed_in: Browser, owner: Client, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    for severity in ("low", "high", "medium"):
        add_alert(
            database, organization, outage.check_id, [], clock.now_ms, severity=severity, title=f"{severity} trouble"
        )
    owner.data("POST", f"/v1/alerts/{outage.alert_id}/acknowledge")
    assert titles(signed_in) == ["high trouble", "medium trouble", "low trouble", "Orders API answers 503"]
    assert "4 open alerts, 1 acknowledged" in signed_in.get("/alerts").text
    assert titles(signed_in, "/alerts?status=all")[-1] == "Orders API answers 503", "the oldest is last there"
    assert titles(signed_in, "/alerts?status=acknowledged") == ["Orders API answers 503"]
    assert titles(signed_in, "/alerts?severity=low") == ["low trouble"]


@pytest.mark.parametrize(
    ("kind", "fields", "state"),
    [
        ("consecutive_failures", {"threshold": 2}, "down"),
        ("failure_rate", {"failures": 2, "runs": 4}, "down"),
        ("response_time", {"threshold": 500}, "degraded"),
        ("certificate_expiry", {}, "degraded"),
        ("no_data", {}, "unknown"),
        (None, {}, "down"),
    ],
)
@sqlite_only
def test_an_alert_shows_the_state_that_its_rule_is_about(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any, kind: str | None,
    fields: dict[str, Any], state: str,
) -> None:  # fmt: skip
    check_id = owner.data("POST", "/v1/monitors", url_monitor(), status=201)["id"]
    rule_id = new_id("rule", clock.now_ms) if kind is None else add_rule(database, organization, kind, **fields)
    add_alert(database, organization, check_id, [], clock.now_ms, rule_id=rule_id)
    assert f"incident {state}" in [article["class"] for article in signed_in.get("/alerts").all("article")]


def test_the_button_acknowledges_and_leads_back_to_the_list(
    signed_in: Browser, owner: Client, outage: Outage, clock: Any
) -> None:
    answer = signed_in.send("/alerts?severity=critical", f"{outage.page}/acknowledge")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/alerts?severity=critical")
    shown = owner.data("GET", f"/v1/alerts/{outage.alert_id}")
    assert (shown["status"], shown["acknowledged_by"]) == ("acknowledged", "test")
    assert "acknowledged by test" in signed_in.get("/alerts").text


def test_who_was_not_told_stands_in_the_list(
    signed_in: Browser, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    assert "nobody is told: its rule names no channel, or none that works" in signed_in.get("/alerts").text
    tell(database, organization, outage.alert_id, "Ops", clock.now_ms)
    assert "nobody is told" not in signed_in.get("/alerts").text
    held = {"outcome": "silenced", "detail": "silence sil_1: deploying", "parent_id": None}
    add_alert(database, organization, outage.check_id, [], clock.now_ms, held=held)
    assert "nobody is told: silence sil_1: deploying" in signed_in.get("/alerts").text


def test_a_check_or_a_tag_narrows_the_list(
    signed_in: Browser, owner: Client, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    other = owner.data("POST", "/v1/monitors", url_monitor(name="Shop", tags=["a b&c"]), status=201)["id"]
    add_alert(database, organization, other, [], clock.now_ms, title="Shop is down")
    assert titles(signed_in, f"/alerts?check={other}") == ["Shop is down"]
    assert titles(signed_in, "/alerts?tag=a%20b%26c") == ["Shop is down"]
    assert titles(signed_in, "/alerts?tag=none") == []
    seen = signed_in.get(f"/alerts?check={other}&severity=critical")
    assert "check: Shop" in seen.text
    links = [anchor.get("href") or "" for anchor in seen.all("a")]
    assert "/alerts?status=open&severity=critical" in links, "the filter can be taken away"
    assert f"/alerts?status=resolved&severity=critical&check={other}" in links, "and stays with the others"


@sqlite_only
@pytest.mark.parametrize(
    "query", ["status=x", "severity=x", "check=x", "check=run_01hm5w3k2r4t6v8x0z2b4d", "tag=%0a", "page=0", "page=x"]
)
def test_a_filter_that_there_is_not_is_told_so(signed_in: Browser, query: str) -> None:
    seen = signed_in.get(f"/alerts?{query}", status=422)
    assert query.split("=")[0] in seen.text


def test_what_tracer_says_of_itself_stands_above_the_alerts(
    signed_in: Browser, database: Database, organization: str, clock: Any, outage: Outage
) -> None:
    notice(database, organization, clock.now_ms)
    text = signed_in.get("/alerts").text
    assert "Tracer about itself" in text
    assert text.index("No probe of the location eu-west is online") < text.index("Orders API answers 503")
    assert "High · location offline · since" in text
    for narrowed in ("status=acknowledged", "severity=critical", f"check={outage.check_id}", "page=2"):
        assert "No probe of" not in signed_in.get(f"/alerts?{narrowed}").text
    clock.advance(60_000)
    with database.write(organization, Urgency.PEOPLE) as session:
        resolve_notice(session, organization, kind="location_offline", subject="eu-west", now_ms=clock.now_ms)
    assert "No probe of" not in signed_in.get("/alerts").text
    assert re.search("No probe of the location eu-west is online High .* over at", _all_text(signed_in, "resolved"))
    assert "No probe of" in _all_text(signed_in, "all")


def _all_text(browser: Browser, status: str) -> str:
    return browser.get(f"/alerts?status={status}").text


def test_without_anything_it_says_so(signed_in: Browser, database: Database, organization: str, clock: Any) -> None:
    assert "No open alerts" in signed_in.get("/alerts").text
    assert "Nothing needs you." in signed_in.get("/alerts").text
    notice(database, organization, clock.now_ms)
    assert "Nothing needs you." not in signed_in.get("/alerts").text


@sqlite_only
def test_hostile_text_of_a_notice_is_text(
    signed_in: Browser, database: Database, organization: str, clock: Any
) -> None:
    notice(database, organization, clock.now_ms, "<script>alert(1)</script>\u202e")
    seen: Seen = signed_in.get("/alerts")
    assert [script.get("src") for script in seen.all("script")] == ["/static/pages.js"]
    assert "\u202e" not in seen.text


def test_nobody_sees_another_organizations_alerts_or_notices(
    signed_in: Browser, database: Database, make_organization: Any, clock: Any
) -> None:
    stranger = make_organization("stranger")
    notice(database, stranger, clock.now_ms)
    add_alert(database, stranger, new_id("mon", clock.now_ms), [], clock.now_ms)
    text = signed_in.get("/alerts?status=all").text
    assert "No probe of" not in text
    assert "Orders API" not in text


def test_a_silence_over_everything_is_said_where_people_look_whether_they_are_told(
    signed_in: Browser, owner: Client
) -> None:
    for page in ("/", "/alerts"):
        assert "Nobody is told" not in signed_in.get(page).text
    owner.data("POST", "/v1/silences", {"match": {"tags": ["shop"]}, "for": 60, "reason": "some"}, status=201)
    for page in ("/", "/alerts"):
        assert "1 silence holds: of some checks or projects nobody is told" in signed_in.get(page).text
    owner.data("POST", "/v1/silences", {"match": {"all": True}, "for": 60, "reason": "Move"}, status=201)
    for page in ("/", "/alerts"):
        text = signed_in.get(page).text
        assert "Nobody is told of anything until" in text
        assert "silenced all checks (Move)" in text

"""/runs/:id: the answer, what changed since the last good run, what the rules made of it, and its alert."""

from __future__ import annotations

from typing import Any

import pytest

from model.outcome import AssertionResult, Metrics, RunError, RunStatus, Trigger
from store.sessions import Database
from tests.alerts.alerting import add_channel
from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import MINUTE_MS, OVERLOADED, Browser, Seen, fail, succeed
from tests.api.test_monitors import url_monitor
from tests.api.test_runs import finish

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def hrefs(seen: Seen) -> list[str]:
    return [anchor.get("href") or "" for anchor in seen.all("a")]


def test_a_failed_run_begins_with_the_cause_and_what_changed(signed_in: Browser, outage: Outage) -> None:
    seen = signed_in.get(f"/runs/{outage.failed[1]}")
    parts = (
        "Failed", "Orders API failed from us-east", "status_code was 503, expected 201", "101 ms · on schedule",
        "https://example.com/", "Part of the alert Orders API answers 503 (not acknowledged; rule Down twice in a row)",
        "Runbook", "What changed since the last good run here", "201 Created", "503 Service Unavailable",
        "header retry-after not there 30", "The same:",
    )  # fmt: skip
    text = seen.text.split("Sign out")[1]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert {outage.page, f"/runs/{outage.good}", f"/runs/{outage.failed[0]}"} <= set(hrefs(seen))


def test_a_run_leads_to_its_monitor_to_the_runs_beside_it_and_to_another(signed_in: Browser, outage: Outage) -> None:
    monitor = f"/monitors/{outage.check_id}"
    beside = {
        anchor.get("rel"): anchor.get("href")
        for anchor in signed_in.get(f"/runs/{outage.failed[0]}").all("a")
        if anchor.get("rel") in ("prev", "next")
    }
    assert beside == {"prev": f"/runs/{outage.good}", "next": f"/runs/{outage.failed[1]}"}
    assert monitor in hrefs(signed_in.get(f"/runs/{outage.failed[1]}"))
    again = signed_in.send(f"/runs/{outage.failed[1]}", f"{monitor}/run").headers["Location"]
    assert "Orders API is waiting for a probe" in signed_in.get(again).text
    assert "Run again" not in signed_in.get(again).text, "while it waits"


def test_the_body_stands_before_the_headers(signed_in: Browser, outage: Outage) -> None:
    answer = signed_in.get(f"/runs/{outage.failed[1]}").text.split(" Answer ")[1]
    assert answer.index(OVERLOADED) < answer.index("status code") < answer.index("headers")


def test_a_run_of_a_long_outage_leads_to_its_alert_though_it_is_no_proof(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east"], interval=60), status=201)["id"]
    rule = {"name": "Down", "type": "consecutive_failures", "threshold": 2, "apply_to": {"monitors": [check_id]}}
    owner.data("POST", "/v1/alert-rules", rule, status=201)
    clock.advance(MINUTE_MS)
    runs = [fail(database, organization, check_id, clock.now_ms + number * MINUTE_MS) for number in range(25)]
    clock.advance(25 * MINUTE_MS)
    [alert] = owner.data("GET", "/v1/alerts")
    assert runs[24] not in alert["run_ids"]
    for run_id in (runs[1], runs[10], runs[24]):
        seen = signed_in.get(f"/runs/{run_id}")
        assert seen.text.count("Part of the alert Example is down") == 1
        assert f"/alerts/{alert['id']}" in hrefs(seen)
    assert "Down asks for more" in signed_in.get(f"/runs/{runs[0]}").text


def test_a_timeout_shows_what_was_waited_for_and_that_it_never_came(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(url="https://example.com/"), status=201)["id"]
    none = AssertionResult("status_code", "less_than", 400, None, passed=False)
    run = fail(
        database, organization, check_id, clock.now_ms, message="no answer came in time (timeout: 5 s)",
        error=RunError("timeout", "no answer came in time (timeout: 5 s)"), duration_ms=5_000.0,
        metrics=Metrics(connect_ms=10.0), assertions=(none,), response=None,
    )  # fmt: skip
    seen = signed_in.get(f"/runs/{run}")
    assert "TLS, no end" in seen.text
    assert "4.99 s" in seen.text
    bars = {bar["class"]: int(bar["width"] or 0) for bar in seen.all("rect") if "phase-" in (bar.get("class") or "")}
    assert bars["phase-tls broken"] > 990
    assert "Status less than 400 not judged: it broke off before" in seen.text
    clock.advance(MINUTE_MS)
    assert "not judged" not in signed_in.get(f"/runs/{fail(database, organization, check_id, clock.now_ms)}").text


def test_redirects_are_on_the_page_of_a_run_with_what_they_took(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(), status=201)["id"]
    hops = [
        {"status_code": 301, "location": "https://example.com/", "duration_ms": 30.0},
        {"status_code": 302, "location": "https://www.example.com/home", "duration_ms": 20.0},
    ]
    run = finish(
        database, organization, check_id, clock.now_ms, location="us-east", duration_ms=100.0,
        metrics=Metrics(connect_ms=10.0, ttfb_ms=45.0, download_ms=5.0),
        response={"status_code": 200, "remote_ip": "203.0.113.1", "redirects": hops},
    ).run_id  # fmt: skip
    seen = signed_in.get(f"/runs/{run}")
    assert "→ https://www.example.com/home" in seen.text
    assert "2 redirects 50 ms connect 10 ms waiting 35 ms download 5.0 ms" in seen.text
    assert "301 to https://example.com/ 30 ms 302 to https://www.example.com/home 20 ms" in seen.text
    assert owner.data("GET", f"/v1/runs/{run}")["response"]["redirects"] == hops
    away = [{"status_code": 302, "location": "https://example.com/sorry", "duration_ms": 1.0}]
    clock.advance(MINUTE_MS)
    failed = fail(database, organization, check_id, clock.now_ms, response={"status_code": 503, "redirects": away})
    assert (
        "redirects 301 → https://example.com/ 302 → https://www.example.com/home 302 → https://example.com/sorry"
        in (signed_in.get(f"/runs/{failed}").text)
    )


def test_a_certificate_that_was_refused_is_shown_though_there_was_no_answer(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(), status=201)["id"]
    certificate = {"subject": "CN=mine", "issuer": "CN=mine", "not_after": "2026-01-01T00:00:00Z"}
    error = RunError("tls_error", "the server's certificate is not valid: it has expired")
    run = fail(
        database,
        organization,
        check_id,
        clock.now_ms,
        error=error,
        assertions=(),
        response={"certificate": certificate},
    )
    text = signed_in.get(f"/runs/{run}").text
    assert "Certificate subject CN=mine" in text
    assert " Answer " not in text.split("Sign out")[1]


def test_a_slow_phase_is_what_changed(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east"]), status=201)["id"]
    quick = Metrics(dns_ms=9.0, connect_ms=14.0, tls_ms=27.0, ttfb_ms=72.0, download_ms=2.0)
    succeed(database, organization, check_id, clock.now_ms, metrics=quick)
    slow = Metrics(dns_ms=900.0, connect_ms=14.0, tls_ms=27.0, ttfb_ms=963.0, download_ms=2.0)
    run_id = fail(database, organization, check_id, clock.now_ms + MINUTE_MS, metrics=slow)
    text = signed_in.get(f"/runs/{run_id}").text
    assert "DNS 9.0 ms 900 ms" in text
    assert '<td class="mono">900 ms</td>' in signed_in.answer(f"/runs/{run_id}").get_data(as_text=True)


def test_the_status_is_red_and_a_header_is_not(signed_in: Browser, outage: Outage) -> None:
    page = signed_in.answer(f"/runs/{outage.failed[1]}").get_data(as_text=True)
    assert '<td class="mono new">503 Service Unavailable</td>' in page
    assert '<td class="mono">30</td>' in page


def test_the_answer_does_not_repeat_what_changed(signed_in: Browser, outage: Outage) -> None:
    failed, good = (
        signed_in.answer(f"/runs/{each}").get_data(as_text=True) for each in (outage.failed[1], outage.good)
    )
    card = failed.split('<h2 id="answer">')[1]
    assert card.index("<details><summary>Status, address and the rest") < card.index("status code")
    assert "Status, address and the rest" not in good


def test_rules_tell_of_channels_by_their_name(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    channel = add_channel(database, organization, name="The on-call's chat")
    check_id = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east"], interval=60), status=201)["id"]
    rule = {"name": "Down", "type": "consecutive_failures", "threshold": 1, "apply_to": {"monitors": [check_id]}}
    owner.data("POST", "/v1/alert-rules", {**rule, "channels": [channel]}, status=201)
    clock.advance(MINUTE_MS)
    run_id = fail(database, organization, check_id, clock.now_ms)
    text = signed_in.get(f"/runs/{run_id}").text.split("What the alert rules made of it")[1]
    assert ("The on-call's chat" in text, channel in text) == (True, False)


def test_without_a_good_run_it_says_so(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east"]), status=201)["id"]
    run_id = fail(database, organization, check_id, clock.now_ms)
    text = signed_in.get(f"/runs/{run_id}").text
    assert "There is no good run from us-east" in text
    assert "No alert rule covers this check: nobody is told when it fails" in text


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (RunStatus.UNKNOWN, "probe_lost", "was not measured from us-east"),
        (RunStatus.MISSED, "overlap", "was not measured from us-east"),
        (RunStatus.SUCCESS, None, "passed from us-east"),
    ],
)
def test_each_end_has_its_words(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any, status: RunStatus,
    code: str | None, word: str,
) -> None:  # fmt: skip
    check_id = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east"]), status=201)["id"]
    error = RunError(code, "why it was so") if code else None
    run_id = succeed(database, organization, check_id, clock.now_ms, status=status, error=error, assertions=())
    seen = signed_in.get(f"/runs/{run_id}")
    assert word in seen.text
    assert ("why it was so" in seen.text) == (code is not None)
    assert "What changed" not in seen.text


def test_a_run_by_hand_says_so(
    signed_in: Browser, owner: Client, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    run_id = fail(
        database, organization, outage.check_id, clock.now_ms, trigger=Trigger.MANUAL, run_id="run_01byhand0001"
    )
    text = signed_in.get(f"/runs/{run_id}").text
    assert "asked for by hand" in text
    assert "changes no state and no uptime" in text
    assert "changes no state" not in signed_in.get(f"/runs/{outage.failed[0]}").text


def test_what_is_none_or_another_organizations_is_not_found(
    signed_in: Browser, database: Database, make_organization: Any, clock: Any, outage: Outage
) -> None:
    for run_id in ("run_01hm5w3k2r4t6v8x0z2b4d", "x"):
        assert "There is no such run" in signed_in.get(f"/runs/{run_id}", status=404).text


def test_other_runs_repeat_no_finding(signed_in: Browser, outage: Outage) -> None:
    others = signed_in.get(f"/runs/{outage.failed[1]}").text.split("Other runs of this check")[1]
    assert others.count("status_code was 503, expected 201") == 1
    assert others.count("Failed for the same reason") == 1
    assert others.count("Failed") == 2

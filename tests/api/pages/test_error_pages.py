"""The pages of what services report: issues, traces, releases, AI generations, events and projects, on both stores."""

from __future__ import annotations

import re
from typing import Any

import pytest

from model.ids import new_id
from model.times import HOUR_MS, iso
from model.traceparent import trace_id_of
from store.sessions import Database
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser, fail, succeed
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, make_project, message, span
from tests.telemetry.test_source_maps import RELEASE, upload

HOSTILE = "<script>alert(1)</script>\"'`{{7*7}}\u202e"


@pytest.fixture
def reports(owner: Client) -> Reports:
    return make_project(owner)


def hrefs(seen: Any) -> list[str]:
    return [str(link.get("href")) for link in seen.all("a")]


def test_with_no_project_the_pages_lead_to_one(signed_in: Browser) -> None:
    for path in ("/issues", "/query", "/releases", "/generations"):
        seen = signed_in.get(path)
        assert "Nothing has been reported yet" in seen.text, path
        assert "/projects" in hrefs(seen)
    assert "None yet" in signed_in.get("/projects").text


def test_with_a_project_they_say_what_to_type_and_it_works(signed_in: Browser, reports: Reports) -> None:
    seen = signed_in.get("/issues")
    for part in (
        f"x-open-sentry-key={reports.key}",
        "https://tracer.example/v1/otlp",
        f"X-Open-Sentry-Key: {reports.key}",
    ):
        assert part in seen.text
    assert f'"project": "{reports.project["slug"]}"' in signed_in.get("/releases").text
    assert '"type": "ai_generation"' in signed_in.get("/generations").text


def test_a_viewer_is_not_led_to_what_they_may_not_do(browser: Browser, make_key: MakeKey) -> None:
    browser.sign_in(make_key(["read"]))
    assert "Somebody who may edit makes one" in browser.get("/issues").text
    assert "/projects" not in [form.get("action") for form in browser.get("/projects").all("form")]


def test_issues_are_listed_filtered_and_paged(
    signed_in: Browser, reports: Reports, owner: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_project(owner, "other")
    reports.events(event("a", release="web@1"), message("b", "Payment declined", level="warning"))
    other.events(message("c", "Elsewhere"))
    text = signed_in.get("/issues").text
    assert all(title in text for title in ("TypeError: x is undefined", "Payment declined", "Elsewhere", "web@1"))
    text = signed_in.get("/issues?project=truecom&q=declined").text
    assert "Payment declined" in text
    assert "Elsewhere" not in text
    assert "TypeError" not in text
    wrong = signed_in.get("/issues?q=level:loud", status=400)
    assert "A level is one of" in wrong.text
    assert "is none of yours" in signed_in.get("/issues?project=nobodys", status=422).text
    monkeypatch.setattr("api.pages.issues.PER_PAGE", 2)
    first = signed_in.get("/issues")
    [more] = [link for link in hrefs(first) if "cursor=" in link]
    second = signed_in.get(more)
    assert "TypeError: x is undefined" in second.text
    assert "Elsewhere" not in second.text


def test_an_issue_shows_its_calls_the_applications_own_first(signed_in: Browser, reports: Reports) -> None:
    frames = [
        {"filename": "app/main.py", "function": "serve", "lineno": 3},
        {"filename": "x/site-packages/lib.py", "function": "helper", "lineno": 9},
        {"filename": "app/cart.py", "function": "buy", "lineno": 12, "context_line": "  total = cart[sku]"},
        {"filename": "x/site-packages/deep.py", "function": "lookup", "lineno": 1},
    ]
    reports.events(
        event(
            "a", exception={"type": "KeyError", "value": "'sku'", "stacktrace": {"frames": frames}}, release="shop@2",
            environment="production", user={"id": "u7", "email": "ada@example.com"}, tags={"region": "eu"},
            breadcrumbs=[{"category": "http", "message": "GET /cart", "timestamp": "2024-01-15T10:29:59Z"}],
            contexts={"runtime": {"name": "CPython"}}, trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        )
    )  # fmt: skip
    [issue] = reports.issues()
    seen = signed_in.get(f"/issues/{issue['id']}")
    order = [seen.text.index(name) for name in ("buy app/cart.py:12", "serve app/main.py:3", "lookup", "helper")]
    assert order == sorted(order)
    for part in (
        "total = cart[sku]", "2 calls of libraries", "GET /cart", "ada@example.com", "region", "First in shop@2",
        "production", "CPython", "None is known",
    ):  # fmt: skip
        assert part in seen.text, part
    assert "/traces/4bf92f3577b34da6a3ce929d0e0e4736" in hrefs(seen)
    assert "2024-01-15T10:29:59.000Z" in [each.get("datetime") for each in seen.all("time")], "in the reader's zone"


def test_an_issue_leads_to_the_checks_that_it_breaks(signed_in: Browser, reports: Reports, outage: Outage) -> None:
    reports.events(event("a", trace_id=trace_id_of(outage.failed[-1])))
    [issue] = reports.issues()
    seen = signed_in.get(f"/issues/{issue['id']}")
    assert "1 of 1 run that met it failed" in seen.text
    assert f"/monitors/{outage.check_id}" in hrefs(seen)
    assert f"/runs/{outage.failed[-1]}" in hrefs(seen)


def test_older_events_of_an_issue_can_be_looked_at(signed_in: Browser, reports: Reports, clock: Clock) -> None:
    reports.events(event("old", tags={"n": "one"}))
    clock.advance(60_000)
    reports.events(event("new", tags={"n": "two"}))
    [issue] = reports.issues()
    seen = signed_in.get(f"/issues/{issue['id']}")
    assert "The newest event" in seen.text
    older = [link for link in hrefs(seen) if "?event=" in link][-1]
    assert "An event" in (text := signed_in.get(older).text)
    assert "The newest event" not in text


def test_people_decide_about_an_issue(signed_in: Browser, reports: Reports) -> None:
    reports.events(event("a"), message("b", "The same thing"))
    first, second = (issue["id"] for issue in reports.issues())
    path = f"/issues/{first}"
    assert signed_in.send(path, f"{path}/status", status="resolved").status_code == 303
    assert "It is resolved" in signed_in.get(f"{path}?done=resolved").text
    assert reports.get(f"/v1/issues/{first}")["status"] == "resolved"
    assert signed_in.send(path, f"{path}/status", status="open").status_code == 303
    refused = signed_in.send(path, f"{path}/status", status="gone")
    assert refused.status_code == 422
    refused = signed_in.send(path, f"{path}/merge", merge_into="iss_00000zzz")
    assert refused.status_code in (400, 422)
    assert "is no issue" in refused.get_data(as_text=True)
    into = f"https://tracer.example/issues/{second}"
    answer = signed_in.send(path, f"{path}/merge", merge_into=into)
    assert answer.headers["Location"] == f"/issues/{second}?done=merged"
    assert signed_in.get(f"/issues/{first}").text.count("2 events") >= 1, "the one that stands for both"
    assert signed_in.get("/issues/iss_00000zzz", status=404)
    assert signed_in.get("/issues/nonsense", status=404)


def test_a_trace_is_a_waterfall_with_its_errors_and_its_run(
    signed_in: Browser, reports: Reports, outage: Outage
) -> None:
    trace_id = trace_id_of(outage.failed[-1])
    reports.spans(
        span("root", trace_id, name="GET /checkout", status="error", attributes={"http.route": "/checkout"}),
        span("db", trace_id, parent_span_id="root", name="SELECT carts", op="db.query",
             start_timestamp="2024-01-15T10:29:00.100Z", end_timestamp="2024-01-15T10:29:00.200Z"),
    )  # fmt: skip
    reports.events(event("a", trace_id=trace_id))
    seen = signed_in.get(f"/traces/{trace_id}")
    assert seen.text.index("GET /checkout") < seen.text.index("SELECT carts")
    for part in ("2 spans in 250 ms", "http.route", "TypeError: x is undefined", "Begun by a run of Orders API"):
        assert part in seen.text, part
    bars = [bar for bar in seen.all("rect") if bar.get("height") == "14"]
    assert [(bar["class"], bar["x"], bar["width"]) for bar in bars] == [
        ("cell-down", "0", "1000"), ("span-ok", "400", "400"),
    ]  # fmt: skip
    assert signed_in.get("/traces/unknown", status=404)


def test_a_run_shows_what_was_reported_of_it_beside_its_phases(
    signed_in: Browser, reports: Reports, outage: Outage
) -> None:
    run = outage.failed[-1]
    assert "What the service reported" not in signed_in.get(f"/runs/{run}").text
    reports.spans(span("root", trace_id_of(run), name="GET /orders"))
    reports.events(event("a", trace_id=trace_id_of(run), release="orders@7"))
    seen = signed_in.get(f"/runs/{run}")
    for part in ("What the service reported of it", "GET /orders", "TypeError: x is undefined", "orders@7", "Timing"):
        assert part in seen.text, part
    [issue] = reports.issues()
    assert any(link.startswith(f"/issues/{issue['id']}?event=") for link in hrefs(seen))
    assert "/releases/truecom?name=orders%407" in hrefs(seen)
    assert "orders@7" in signed_in.get("/releases/truecom?name=orders%407").text


def test_a_release_shows_checks_before_and_after(
    signed_in: Browser, reports: Reports, owner: Client, outage: Outage, database: Database, organization: str,
    clock: Clock,
) -> None:  # fmt: skip
    live_ms = clock.now_ms
    succeed(database, organization, outage.check_id, live_ms - HOUR_MS)
    run = fail(database, organization, outage.check_id, live_ms + 1_000)
    said = {"project": "truecom", "release": "web/2 & <b>", "deployed_at": iso(live_ms), "commit": "a8c2f11d3"}
    assert owner("POST", "/v1/releases", said).status_code == 201
    reports.events(event("a", trace_id=trace_id_of(run), release="web/2 & <b>"))
    seen = signed_in.get("/releases")
    assert "web/2 & <b>" in seen.text
    assert "1, 1 new" in seen.text
    [there] = [link for link in hrefs(seen) if link.startswith("/releases/truecom?name=")]
    seen = signed_in.get(there)
    assert "Orders API" in seen.text
    assert re.search(r"50 % → before, then 0 %|50 % .*0 % \(worse\)", seen.text), seen.text
    assert "TypeError: x is undefined" in seen.text
    assert signed_in.get("/releases/truecom?name=nothing", status=404)
    assert signed_in.get("/releases/nobodys?name=x", status=404)


def test_a_release_lists_its_source_maps(signed_in: Browser, reports: Reports, owner: Client) -> None:
    assert owner("POST", "/v1/releases", {"project": "truecom", "release": RELEASE}).status_code == 201
    assert "None. With one, stack traces" in signed_in.get(f"/releases/truecom?name={RELEASE}").text
    for fields in ({"url": "/b<i>.js"}, {"url": "/other.js", "release": "web@9"}):
        assert upload(reports, **fields).status_code == 201
    seen = signed_in.get(f"/releases/truecom?name={RELEASE}").text
    assert "/b<i>.js 1 kB 10:30" in seen
    assert "/other.js" not in seen
    for number in range(100):
        assert upload(reports, url=f"/{number}.js").status_code == 201
    seen = signed_in.get(f"/releases/truecom?name={RELEASE}").text
    assert "The 100 uploaded last" in seen
    assert "/b<i>.js" not in seen


def test_a_release_that_only_errors_name_is_listed_where_it_was_first_met(
    signed_in: Browser, reports: Reports, owner: Client, clock: Clock
) -> None:
    assert owner("POST", "/v1/releases", {"project": "truecom", "release": "web@1"}).status_code == 201
    clock.advance(HOUR_MS)
    reports.events(event("e1", release="web@1"), event("e2", release="web@2"))
    listed = signed_in.get("/releases").text
    assert listed.count("web@1") == listed.count("web@2") == 1
    assert listed.index("first met") < listed.index("web@2") < listed.index("told of") < listed.index("web@1")
    assert "TypeError: x is undefined" in signed_in.get("/releases/truecom?name=web@1").text
    assert "no build told" in signed_in.get("/releases/truecom?name=web@2").text
    assert signed_in.get("/releases/truecom?name=web@3", status=404)


def test_a_trace_shows_the_calls_of_models_that_name_it(signed_in: Browser, reports: Reports) -> None:
    made = {"type": "ai_generation", "provider": "x", "model": "<b>m</b>", "inputTokens": 1200, "traceId": "t9"}
    reports.items([{**made, "totalCostUsd": 0.5, "status": "error"}])
    text = signed_in.get("/traces/t9").text
    assert "AI generations in it" in text
    assert "<b>m</b>" in text
    assert "failed" in text


def test_generations_are_summed_by_model_and_drawn_over_time(signed_in: Browser, reports: Reports) -> None:
    made = {"type": "ai_generation", "provider": "openrouter", "inputTokens": 1200, "outputTokens": 340,
            "timestamp": "2024-01-13T10:30:00Z"}  # fmt: skip
    reports.items([
        {**made, "model": "claude", "totalCostUsd": 0.5, "latencyMs": 1000, "traceId": "t 1/x"},
        {**made, "model": "claude", "totalCostUsd": 0.75, "latencyMs": 3000, "status": "error"},
        {**made, "model": "small", "totalCostUsd": 0.001, "latencyMs": 100, "tags": {"feature": "chat"}},
    ])  # fmt: skip
    seen = signed_in.get("/generations")
    for part in ("$1.25", "$0.001", "claude", "3.00 s", "feature chat", "Cost over time"):
        assert part in seen.text or any(part in str(image.get("aria-label")) for image in seen.all("svg")), part
    drawn = [rect.get("class") for rect in seen.all("rect")]
    assert {"model-0", "model-1", "cell-down"} <= set(drawn)
    narrow = signed_in.get("/generations?model=small").text
    assert "$1.25" not in narrow
    assert "No call in this time" in signed_in.get("/generations?span=24h").text
    assert "$1.25" in signed_in.get("/generations?span=30d").text
    assert "/traces/t%201/x" in hrefs(signed_in.get("/generations?span=30d"))


def test_events_are_found_and_paged(signed_in: Browser, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    reports.events(*(message(f"m{number}", f"number{number} came", level="info") for number in range(5)))
    assert "number4 came" in signed_in.get("/query").text
    assert "number3 came" not in signed_in.get("/query?q=number1").text
    wrong = signed_in.get("/query?q=%22open", status=400)
    assert "not closed" in wrong.text
    monkeypatch.setattr("api.pages.query.PER_PAGE", 3)
    first = signed_in.get("/query")
    [older] = [link for link in hrefs(first) if "cursor=" in link]
    second = signed_in.get(older)
    assert "number0 came" in second.text
    assert "number4 came" not in second.text
    [live] = [part for part in first.all("section") if "data-live" in part]
    assert live["data-stream"] == "/v1/stream?project=truecom"
    assert not [part for part in second.all("section") if "data-live" in part], "an older page stays what it is"
    assert signed_in.get("/query?cursor=x", status=400)


def test_a_project_is_made_changed_and_ended_on_its_pages(signed_in: Browser, owner: Client) -> None:
    answer = signed_in.send("/projects", "/projects", name="Shop", slug="shop", retention_days="30", events="1000")
    assert answer.headers["Location"] == "/projects/shop?done=made"
    seen = signed_in.get("/projects/shop?done=made")
    [key] = [key["public_key"] for key in owner("GET", "/v1/projects").get_json()[0]["keys"]]
    for part in (
        key,
        f"https://{key}@tracer.example/v1/ingest",
        "service.version=shop@1.0.0",
        "kept 30 days",
        "of 1000",
    ):
        assert part in seen.text or part == "kept 30 days", part
    again = signed_in.send("/projects", "/projects", name="Two", slug="shop")
    assert again.status_code == 409
    assert "is taken" in again.get_data(as_text=True)
    bad = signed_in.send("/projects", "/projects", name="Two", slug="UPPER", events="many")
    assert bad.status_code == 422
    assert "whole number" in bad.get_data(as_text=True)
    saved = signed_in.send("/projects/shop", "/projects/shop", name="Shop", slug="store", retention_days="7", events="")
    assert saved.headers["Location"] == "/projects/store?done=saved"
    [project] = owner("GET", "/v1/projects").get_json()
    assert (project["slug"], project["retention_days"], project["quota"]["events"]) == ("store", 7, None)
    assert signed_in.send("/projects/store", "/projects/store/keys", server_only="yes").status_code == 303
    assert "for servers only" in signed_in.get("/projects/store").text
    assert signed_in.send("/projects/store", f"/projects/store/keys/{key}/revoke").status_code == 303
    assert key not in signed_in.get("/projects/store").text
    assert signed_in.send("/projects/store", "/projects/store/delete").status_code == 303
    assert signed_in.get("/projects/store", status=404)


def test_a_key_for_certain_projects_sees_those_alone(browser: Browser, reports: Reports, owner: Client) -> None:
    secret = make_project(owner, "secret")
    secret.events(message("s", "Nobody's business"))
    secret.spans(span("s", "t1"))
    secret.items({"type": "ai_generation", "provider": "p", "model": "hidden-model", "inputTokens": 1})
    owner("POST", "/v1/releases", {"project": "secret", "release": "hidden@1"})
    [issue] = secret.issues()
    made = owner.data(
        "POST", "/v1/api-keys", {"name": "n", "scopes": ["read", "write"], "projects": ["truecom"]}, status=201
    )
    browser.sign_in(made["key"])
    for path in ("/issues", "/query", "/releases", "/generations", "/projects"):
        text = browser.get(path).text
        for hidden in ("Nobody's business", "hidden", "Secret"):
            assert hidden not in text, (path, hidden)
    for path in (f"/issues/{issue['id']}", "/traces/t1", "/releases/secret?name=hidden@1", "/projects/secret"):
        browser.get(path, status=404)
    assert browser.post("/projects/secret/delete", {}).status_code in (403, 404)


def test_hostile_text_is_only_text(signed_in: Browser, reports: Reports, owner: Client, outage: Outage) -> None:
    trace_id = trace_id_of(outage.failed[-1])
    weird: Any = [HOSTILE, {"a": [HOSTILE]}, None, 7, 1e308, True]
    taken = reports.events(
        {
            "event_id": "h", "level": "error", "message": HOSTILE, "release": HOSTILE.replace("\u202e", ""),
            "environment": "<b>prod</b>", "trace_id": trace_id, "tags": {HOSTILE: HOSTILE}, "user": {"id": HOSTILE},
            "transaction": HOSTILE, "breadcrumbs": [{"message": weird, "timestamp": weird, "level": HOSTILE}, *weird],
            "exception": {"type": HOSTILE, "value": HOSTILE, "stacktrace": {"frames": [
                {"filename": HOSTILE, "function": HOSTILE, "lineno": "7", "context_line": weird, "minified": weird},
                {"filename": weird, "function": weird, "in_app": True},
            ]}},
            HOSTILE: weird, "contexts": weird,
        },
        {
            "event_id": "i", "breadcrumbs": {"values": "no list"},
            "exception": {"values": [{"type": HOSTILE}, {"value": "x"}]},
        },
    )  # fmt: skip
    assert taken == {"accepted": 2, "dropped": []}
    reports.spans(span("s", trace_id, name=HOSTILE, op=HOSTILE, attributes={HOSTILE: weird}, status_message=weird))
    reports.items({
        "type": "ai_generation", "provider": HOSTILE, "model": HOSTILE, "inputTokens": 1, "tags": {HOSTILE: HOSTILE},
        "traceId": HOSTILE,
    })  # fmt: skip
    owner("POST", "/v1/releases", {"project": "truecom", "release": HOSTILE.replace("\u202e", ""), "commit": "<i>"})
    paths = ["/issues", "/query", "/releases", "/generations", f"/traces/{trace_id}", f"/runs/{outage.failed[-1]}"]
    paths += [f"/issues/{issue['id']}" for issue in reports.issues()]
    paths += [link for link in hrefs(signed_in.get("/releases")) if "?name=" in link]
    for path in paths:
        answer = signed_in.answer(path)
        text = answer.get_data(as_text=True)
        assert "<script>alert" not in text, path
        assert "\u202e" not in text, path
        assert "49" not in re.findall(r"\{\{7\*7\}\}|49`", text), path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_runs_that_began_no_known_trace_are_shown_as_ever(
    signed_in: Browser, database: Database, organization: str, outage: Outage, clock: Clock
) -> None:
    run = succeed(database, organization, outage.check_id, clock.now_ms, run_id=new_id("run", clock.now_ms))
    assert signed_in.get(f"/runs/{run}")

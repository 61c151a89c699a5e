"""POST /v1/events: what is stored, once; what is not, and why; and whose key may send it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Client, MakeKey
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, make_project, message, span

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_what_was_accepted_is_found_right_after_with_all_that_was_sent(reports: Reports) -> None:
    sent = event(
        "ev_1", release="truecom@0.18.2", environment="production", user={"id": "u1", "plan": "pro"},
        tags={"region": "us-east", "retries": 3}, trace_id="t-1", timestamp="2024-01-15T10:29:58.500Z",
        breadcrumbs=[{"message": "opened"}], sdk={"name": "own", "deep": [{"x": None}]},
    )  # fmt: skip
    assert reports.events(sent) == {"accepted": 1, "dropped": []}
    [found] = reports.get("/v1/query")["events"]
    assert {name: found[name] for name in sent} == sent
    assert found["received_at"] == "2024-01-15T10:30:00.000Z"
    assert found["project"] == "truecom"


def test_a_repeated_id_counts_as_accepted_and_is_stored_once(reports: Reports, owner: Client) -> None:
    other = make_project(owner, "shop")
    for _ in range(3):
        assert reports.events(event("a"), event("a", message="again"), event("b"))["accepted"] == 3
    assert other.events(event("a"))["accepted"] == 1
    assert reports.found() == ["b", "a"]
    assert other.found() == ["a"]
    [issue] = reports.issues()
    assert issue["count"] == 2
    shown = owner("GET", "/v1/projects").get_json()
    assert [project["usage"]["events"]["stored"] for project in shown] == [2, 1]


def test_each_event_that_can_not_be_stored_is_named_with_the_reason(reports: Reports) -> None:
    bad = {
        "invalid: level": event("b1", level="shout"),
        "invalid: timestamp": event("b2", timestamp="yesterday"),
        "too_old": event("b3", timestamp="2001-09-09T01:46:40Z"),
        "too_large": event("b4", extra="x" * 262_144),
        "invalid: exception": event("b5", exception="boom"),
        "invalid: exception.stacktrace.frames": event("b6", exception={"stacktrace": {"frames": [1]}}),
        "invalid: tags": event("b7", tags={"a": {"b": 1}}),
        "invalid: user": event("b8", user="me"),
        "invalid: release": event("b9", release=["1"]),
        "invalid: trace_id": event("b10", trace_id="t" * 129),
        "invalid: message": message("b11", 5),  # type: ignore[arg-type]
        "invalid: fingerprint": event("b12", fingerprint=[5]),
    }
    answer = reports.events(event("good"), *bad.values(), {"level": "error"}, "no event", event("x" * 129))
    assert answer["accepted"] == 1
    assert answer["dropped"] == [
        *({"event_id": item["event_id"], "reason": reason} for reason, item in bad.items()),
        {"event_id": None, "reason": "invalid: event_id"},
        {"event_id": None, "reason": "invalid: event"},
        {"event_id": "x" * 129, "reason": "invalid: event_id"},
    ]
    [project] = reports.get("/v1/projects")
    assert project["usage"]["events"] == {"stored": 1, "dropped": {"invalid": 13, "too_large": 1, "too_old": 1}}
    assert reports.found() == ["good"]


@pytest.mark.parametrize("claimed", ["2023-01-15T10:30:00Z", "2025-01-15T10:30:00Z", 1_673_778_600])
def test_a_clock_that_is_a_year_off_hides_no_error_and_orders_nothing(
    reports: Reports, claimed: Any, clock: Clock
) -> None:
    reports.events(event("first"))
    reports.events(event("off", timestamp=claimed))
    reports.events(event("last"))
    assert reports.found() == ["last", "off", "first"]
    [_, off, _] = reports.get("/v1/query")["events"]
    assert off["timestamp"] <= off["received_at"] == "2024-01-15T10:30:00.000Z"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "needs a JSON body"),
        (b"{", "not JSON"),
        (b"[]", "list 'events'"),
        (b"null", "list 'events'"),
        (b"{}", "list 'events'"),
        (b'{"events": {}}', "list 'events'"),
        (b'{"events": []}', "must not be empty"),
        (b'{"events": [NaN]}', "not JSON"),
        (b'{"events": [{"event_id": "a", "message": "\\ud800 lone"}]}', "half of a surrogate pair"),
        (b'{"events": [{"event_id": "a", "message": "\\u0000"}]}', "NUL"),
        (b'{"events": [{"event_id": "a", "x": ' + b"[" * 150 + b"]" * 150 + b"}]}", "deeper"),
        (b'{"events": ' + b"[" * 100_000, "list 'events'"),
        (b'{"events": [' + b'{"x":' * 100_000 + b"1" + b"}" * 100_000 + b"]}", "deeper"),
        (b'{"events": ["\xff"]}', "not JSON"),
    ],
)  # fmt: skip
@sqlite_only
def test_a_body_that_can_not_be_read_is_400_in_the_words_of_the_seed(reports: Reports, body: bytes, said: str) -> None:
    answer = reports.post("/v1/events", data=body, content_type="application/json")
    assert answer.status_code == 400, answer.get_data(as_text=True)
    error = answer.get_json()["error"]
    assert set(answer.get_json()) == {"error"}
    assert error["code"] == "malformed"
    assert said in error["message"] or "deeper" in error["message"]
    assert error["request_id"] == answer.headers["X-Request-Id"]


@sqlite_only
def test_gzip_is_read_no_further_than_a_body_may_be(reports: Reports) -> None:
    def send(data: bytes, encoding: str = "gzip") -> Any:
        return reports.post(
            "/v1/events", data=data, content_type="application/json", headers={"Content-Encoding": encoding}
        )

    plain = json.dumps({"events": [event("zipped")]}).encode()
    assert send(gzip.compress(plain)).get_json() == {"accepted": 1, "dropped": []}
    assert send(gzip.compress(b" " * (64 << 20))).status_code == 413
    assert send(plain).status_code == 400
    assert send(gzip.compress(plain)[:-9]).status_code == 400
    assert send(plain, "br").status_code == 400
    assert reports.found() == ["zipped"]


@sqlite_only
def test_the_body_may_have_one_mebibyte_and_spans_five(reports: Reports) -> None:
    def padded(path: str, name: str, item: Any, size: int) -> Any:
        body = json.dumps({name: [item]}).encode()
        return reports.post(path, data=body + b" " * (size - len(body)), content_type="application/json").status_code

    assert padded("/v1/events", "events", event("a"), 1 << 20) == 202
    assert padded("/v1/events", "events", event("a"), (1 << 20) + 1) == 413
    assert padded("/v1/traces", "spans", span("s"), 5 << 20) == 202
    assert padded("/v1/traces", "spans", span("s"), (5 << 20) + 1) == 413


def test_only_the_projects_own_key_may_send(
    reports: Reports, owner: Client, make_key: MakeKey, make_organization: Callable[[str], str]
) -> None:
    other = make_project(owner, "shop")
    body = {"events": [event("a")]}

    def send(auth: str | None = None, **headers: str) -> Any:
        shown = {"X-CodeRadar-Auth": auth} if auth is not None else {}
        return owner.client.post("/v1/events", json=body, headers={**shown, **headers})

    assert send().status_code == 401
    assert send(f"dsn={'0' * 32},project={reports.project['id']}").status_code == 401
    for named in (other.project["id"], other.project["slug"], other.project["project_id"], 999, "no-such"):
        answer = send(f"dsn={reports.key},project={named}")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "forbidden")
    for named in ("id", "slug", "project_id"):
        assert send(f"dsn={reports.key}, project={reports.project[named]}").status_code == 202
    assert send(f"dsn={reports.project['keys'][0]['dsn']}").status_code == 202
    assert send(**{"X-Open-Sentry-Key": reports.key}).status_code == 202

    made = owner("POST", f"/v1/projects/{reports.project['id']}/keys", {"server_only": True}).get_json()
    shown = f"dsn={made['public_key']}"
    assert send(shown).status_code == 401
    assert send(shown, Authorization=f"Bearer {make_key(['write'])}").status_code == 403
    stranger = make_key(["ingest"], make_organization("Other"))
    assert send(shown, Authorization=f"Bearer {stranger}").status_code == 403
    assert send(shown, Authorization=f"Bearer {make_key(['ingest'])}").status_code == 202
    asked = {"name": "n", "scopes": ["ingest"], "projects": [other.project["slug"]]}
    narrow = owner.data("POST", "/v1/api-keys", asked, status=201)
    assert send(shown, Authorization=f"Bearer {narrow['key']}").status_code == 403

    assert owner("DELETE", f"/v1/projects/truecom/keys/{made['public_key']}").get_json()["deleted"] is True
    assert send(shown, Authorization=f"Bearer {make_key(['ingest'])}").status_code == 401


def test_a_quota_stores_what_fits_names_the_rest_and_is_429_once_spent(
    reports: Reports, owner: Client, clock: Clock
) -> None:
    reports.put("/v1/projects/truecom", {"quota": {"events": 3, "traces": 1}})
    assert reports.events(event("a"), event("b"))["accepted"] == 2
    assert reports.events(event("a"), event("c"), event("d"), event("e")) == {
        "accepted": 2,
        "dropped": [{"event_id": "d", "reason": "quota"}, {"event_id": "e", "reason": "quota"}],
    }
    answer = reports.post("/v1/events", {"events": [event("f")]})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert reports.events(event("a"))["accepted"] == 1  # it is stored already
    assert reports.spans(span("s1"), span("s2"))["dropped"] == [{"span_id": "s2", "reason": "quota"}]
    assert reports.post("/v1/ingest", [{"type": "error", "exception": {"type": "E", "value": "v"}}]).status_code == 429
    usage = reports.get("/v1/projects")[0]["usage"]
    assert usage["events"] == {"stored": 3, "dropped": {"quota": 4}}
    assert usage["traces"] == {"stored": 1, "dropped": {"quota": 1}}
    clock.advance(31 * 86_400_000)  # another month
    assert reports.events(event("g"))["accepted"] == 1


@sqlite_only
def test_pages_of_any_origin_may_send_and_read_the_answer(reports: Reports) -> None:
    for path in ("/v1/events", "/v1/traces", "/v1/ingest"):
        asked = reports.client.options(path, headers={"Origin": "https://shop.example"})
        assert asked.status_code == 204
        assert asked.headers["Access-Control-Allow-Origin"] == "*"
        assert "X-CodeRadar-Auth" in asked.headers["Access-Control-Allow-Headers"]
        refused = reports.client.post(path, data=b"{")
        assert refused.status_code == 401
        assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in reports.owner("GET", "/v1/query").headers

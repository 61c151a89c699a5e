"""What /docs says of bodies, times and questions of telemetry is what happens: a request for each statement."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from model.times import DAY_MS, iso
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, span

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
SIZES = {"KiB": 1 << 10, "MiB": 1 << 20}
OTLP = ("/v1/otlp/v1/traces", "/v1/otlp/traces")
OF_SDKS = {"/v1/ingest": 256 << 10, "/v1/events": 1 << 20, "/v1/traces": 5 << 20, **dict.fromkeys(OTLP, 5 << 20)}
ISSUE = "/v1/issues/{issue_id}"


@pytest.fixture
def document(owner: Client) -> Any:
    return owner.client.get("/openapi.json").get_json()["paths"]


def post(reports: Reports, path: str, data: bytes, **headers: str) -> Any:
    return reports.post(path, data=data, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize("path", OF_SDKS)
def test_a_body_may_be_as_large_as_it_says(reports: Reports, document: Any, path: str) -> None:
    said = document[path]["post"]["responses"]["413"]["description"]
    [(number, unit)] = re.findall(r"larger than (\d+) (KiB|MiB)", said)
    most = int(number) * SIZES[unit]
    assert most == OF_SDKS[path]
    assert f"{number} {unit}" in document[path]["post"]["description"]
    for body in (b" " * (most + 1), gzip.compress(b" " * (most + 1))):
        encoding = {} if body[0] == 32 else {"Content-Encoding": "gzip"}
        assert post(reports, path, body, **encoding).status_code == 413
    assert post(reports, path, b" " * most).status_code == 400


def test_every_route_says_its_own_limit(reports: Reports, document: Any) -> None:
    said = {
        (path, method): operation["responses"]["413"]["description"]
        for path, item in document.items()
        for method, operation in item.items()
        if "413" in operation["responses"]
    }
    usual = "The body is larger than 1 MiB"
    assert {path for (path, _), words in said.items() if words != usual and not path.startswith("/api/")} == {
        "/v1/ingest", "/v1/traces", *OTLP, "/v1/sourcemaps", "/v1/probe/results", "/v1/probe/artifacts/{sha256}",
    }  # fmt: skip
    assert said["/v1/sourcemaps", "post"] == "The file is larger than 50 MiB"
    assert said["/v1/probe/results", "post"] == "The body is larger than 8 MiB"
    assert said["/api/traces", "post"] == "The body is larger than 5 MiB"


@pytest.mark.parametrize("path", OTLP)
def test_otlp_is_protobuf_or_json_and_all_else_is_415(reports: Reports, document: Any, path: str) -> None:
    said = document[path]["post"]["responses"]["415"]["description"]
    for kind in ("application/x-protobuf", "application/json"):
        assert kind in said
        body = b"" if "protobuf" in kind else b"{}"
        assert post(reports, path, body, **{"Content-Type": kind}).status_code == 200
    for kind in ("text/plain", "application/protobuf", "application/x-ndjson", "multipart/form-data", ""):
        assert post(reports, path, b"{}", **{"Content-Type": kind}).status_code == 415, kind


@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/events", "/v1/traces"])
def test_the_others_take_json_whatever_it_is_declared_as(reports: Reports, document: Any, path: str) -> None:
    assert "415" not in document[path]["post"]["responses"]
    bodies = {
        "/v1/ingest": {"type": "error", "exception": {"type": "E", "value": "v"}},
        "/v1/events": {"events": [event("a")]},
        "/v1/traces": {"spans": [span("a")]},
    }
    answer = post(reports, path, json.dumps(bodies[path]).encode(), **{"Content-Type": "text/plain"})
    assert answer.status_code == 202


@pytest.mark.parametrize("path", ["/v1/query", "/v1/issues", "/v1/stream"])
def test_a_query_may_be_as_long_as_it_says(reports: Reports, document: Any, path: str) -> None:
    [q] = [given for given in document[path]["get"]["parameters"] if given["name"] == "q"]
    assert q["schema"]["maxLength"] == 1_000
    assert "1,000 characters and 30 terms" in q["description"]

    def status(text: str) -> int:
        ask = reports.client.head if path == "/v1/stream" else reports.client.get
        headers = {"Authorization": f"Bearer {reports.owner.key}"}
        return int(ask(path, query_string={"project": "truecom", "q": text}, headers=headers).status_code)

    fits = [("x" * 200 + " ") * 5, "ab " * 30]
    assert [len(fits[0][:1_000]), len(fits[1].split())] == [1_000, 30]
    assert [status(fits[0][:1_000]), status(fits[1])] == [200, 200]
    assert [status(fits[0][:1_000] + "x"), status("ab " * 31)] == [400, 400]


def test_too_old_is_more_than_two_years_before_it_arrived(reports: Reports, document: Any, clock: Clock) -> None:
    oldest_ms = clock.now_ms - 730 * DAY_MS
    ages = {"old": iso(oldest_ms - 1), "just": iso(oldest_ms)}
    dropped = reports.events(*(event(name, timestamp=at) for name, at in ages.items()))["dropped"]
    assert dropped == [{"event_id": "old", "reason": "too_old"}]
    times = {name: {"start_timestamp": at, "end_timestamp": iso(clock.now_ms)} for name, at in ages.items()}
    dropped = reports.spans(*(span(name, **at) for name, at in times.items()))["dropped"]
    assert dropped == [{"span_id": "old", "reason": "too_old"}]
    item = {"type": "error", "exception": {"type": "E", "value": "v"}}
    statuses = [
        post(reports, "/v1/ingest", json.dumps({**item, "timestamp": at}).encode()).status_code for at in ages.values()
    ]
    assert statuses == [400, 202]
    assert "more than two years ago" in " ".join(document["/v1/ingest"]["post"]["description"].split())


def test_sixty_questions_a_minute_are_those_that_say_so(reports: Reports, document: Any, make_key: MakeKey) -> None:
    reports.events(event("a"))
    names = {
        "issue_id": reports.issues()[0]["id"], "project_id": "truecom", "trace_id": "t1", "event_rule_id": "rule_000000"
    }  # fmt: skip
    paths = {
        path: item["get"]
        for path, item in document.items()
        if "get" in item and set(re.findall(r"{(\w+)}", path)) <= names.keys() and not path.endswith("/stream")
    }
    counted = {path for path, operation in paths.items() if "60 " in operation.get("description", "")}
    assert counted == {"/v1/query", "/v1/issues", ISSUE, "/v1/projects", "/v1/alerts/firings"}
    assert {path for path in counted if f"`{path}`" in paths["/v1/query"]["description"]} == counted - {ISSUE}
    token = {"Authorization": f"Bearer {make_key(('admin',))}"}
    for _ in range(60):
        assert reports.client.get("/v1/query", headers=token).status_code == 200
    over = {path for path in paths if reports.client.get(path.format(**names), headers=token).status_code == 429}
    assert over == counted
    assert reports.client.put(ISSUE.format(**names), json={"status": "open"}, headers=token).status_code == 200

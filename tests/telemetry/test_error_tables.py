"""Every line of both seeds' error tables, for each path they are about: the status, and the words."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from telemetry.stored import intake
from tests.api.conftest import MakeKey
from tests.telemetry.reporting import Reports, event, span

ITEM = {"type": "error", "exception": {"type": "Error", "value": "first"}}
RULE = {"name": "r", "project": "truecom"}
SEEN = ("/v1/query", "/v1/issues", "/v1/projects", "/v1/alerts/rules", "/v1/alerts/firings", "/v1/releases",
        "/v1/generations", "/v1/sourcemaps")  # fmt: skip
"""What a token with `read` may look at."""
OF_A_PROJECT = [path for path in SEEN if path != "/v1/projects"]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def said(answer: Any, status: int, code: str) -> None:
    """An answer in the words of seed 000."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    error = answer.get_json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == answer.headers["X-Request-Id"]


@sqlite_only
def test_202_says_what_was_accepted(reports: Reports) -> None:
    assert reports.events(event("a")) == {"accepted": 1, "dropped": []}
    assert reports.spans(span("s")) == {"accepted": 1, "dropped": []}
    assert reports.items(ITEM).keys() == {"id"}


@sqlite_only
@pytest.mark.parametrize("path", ["/v1/events", "/v1/traces"])
def test_400_is_a_body_that_is_malformed(reports: Reports, path: str) -> None:
    for body in (b"{", b"[]", b'{"events": 1, "spans": 1}', b"\xff", b'{"events": [NaN]}', b""):
        said(reports.post(path, data=body), 400, "malformed")


@sqlite_only
def test_400_is_what_is_asked_for_malformed(reports: Reports) -> None:
    for path in ("/v1/query?q=level:loud", "/v1/query?cursor=x", "/v1/issues?limit=0", "/v1/alerts/firings?cursor=x",
                 "/v1/alerts/rules?colour=red", "/v1/query?project=a&project=b"):  # fmt: skip
        said(reports.owner("GET", path), 400, "malformed")
    for path, body in (("/v1/alerts/rules", {**RULE, "threshold": 0}), ("/v1/releases", {"project": "truecom"}),
                       ("/v1/projects", {"name": ""})):  # fmt: skip
        answer = reports.owner("POST", path, body)
        said(answer, 400, "malformed")
        assert answer.get_json()["error"]["fields"]


@sqlite_only
def test_401_is_who_shows_nothing_that_opens_anything(reports: Reports) -> None:
    for path in ("/v1/events", "/v1/traces"):
        for auth in ({}, {"X-CodeRadar-Auth": f"dsn={'0' * 32},project=1"}):
            said(reports.client.post(path, json={"events": []}, headers=auth), 401, "unauthorized")
    for path in (*SEEN, "/v1/stream?project=truecom"):
        assert "success" not in reports.client.get(path).get_json(), "no envelope"
        said(reports.client.get(path), 401, "unauthorized")
        said(reports.client.get(path, headers={"Authorization": "Bearer nobodys"}), 401, "unauthorized")
    said(reports.client.post("/v1/sourcemaps"), 401, "unauthorized")


@sqlite_only
def test_403_is_who_may_not_do_that_for_this_project(reports: Reports, make_key: MakeKey) -> None:
    for path in ("/v1/events", "/v1/traces"):
        auth = {"X-CodeRadar-Auth": f"dsn={reports.key},project=999"}
        said(reports.client.post(path, json={"events": []}, headers=auth), 403, "forbidden")
    for path in (*OF_A_PROJECT, "/v1/stream"):
        said(reports.owner("GET", f"{path}?project=nobodys"), 403, "forbidden")
    reader = {"Authorization": f"Bearer {make_key(('read',))}"}
    form = {"project": "truecom", "release": "r", "url": "/x", "sourcemap": (io.BytesIO(b"{}"), "x")}
    said(reports.client.post("/v1/sourcemaps", data=form, headers=reader), 403, "forbidden")
    for path, body in (("/v1/alerts/rules", RULE), ("/v1/releases", {"project": "truecom", "release": "r"})):
        said(reports.client.post(path, json=body, headers=reader), 403, "forbidden")
    said(reports.owner("POST", "/v1/alerts/rules", {**RULE, "project": "nobodys"}), 403, "forbidden")


@sqlite_only
@pytest.mark.parametrize(
    ("path", "most"), [("/v1/events", 1 << 20), ("/v1/traces", 5 << 20), ("/v1/alerts/rules", 1 << 20)]
)
def test_413_is_a_body_that_is_too_large(reports: Reports, path: str, most: int) -> None:
    headers = {**reports.auth, "Authorization": f"Bearer {reports.owner.key}", "Content-Type": "application/json"}
    for size, status in ((most + 1, 413), (most, 400)):
        answer = reports.client.post(path, data=b" " * size, headers=headers)
        said(answer, status, {413: "too_large", 400: "malformed"}[status])


def test_429_is_who_is_over_quota_or_asks_too_often(reports: Reports, make_key: MakeKey) -> None:
    reports.put("/v1/projects/truecom", {"quota": {"events": 0, "traces": 0}})
    for path, body in (("/v1/events", {"events": [event("a")]}), ("/v1/traces", {"spans": [span("s")]})):
        answer = reports.post(path, body)
        said(answer, 429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0
    answer = reports.client.post("/v1/ingest", json=ITEM, headers={"X-Open-Sentry-Key": reports.key})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    token = {"Authorization": f"Bearer {make_key(('read',))}"}
    for number in range(60):
        path = ("/v1/query", "/v1/issues", "/v1/projects", "/v1/alerts/firings")[number % 4]
        assert reports.client.get(path, headers=token).status_code == 200
    for path in ("/v1/query", "/v1/issues", "/v1/projects", "/v1/alerts/firings"):
        answer = reports.client.get(path, headers=token)
        said(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    for path in ("/v1/alerts/rules", "/v1/alerts", "/v1/monitors", "/v1/releases"):
        assert reports.client.get(path, headers=token).status_code == 200, path


def test_5xx_is_our_fault_and_what_is_sent_again_is_stored_once(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise OperationalError("INSERT", {}, Exception("the disk is gone"))

    sent: tuple[tuple[str, Any, dict[str, str]], ...] = (
        ("/v1/events", {"events": [event("a")]}, reports.auth),
        ("/v1/traces", {"spans": [span("s")]}, reports.auth),
        ("/v1/ingest", ITEM, {"X-Open-Sentry-Key": reports.key}),
    )
    with monkeypatch.context() as patched:
        patched.setattr(intake, "store_all", away)
        for path, body, headers in sent:
            answer = reports.client.post(path, json=body, headers=headers)
            assert int(answer.headers["Retry-After"]) > 0
            if path == "/v1/ingest":
                assert answer.status_code == 503
                assert list(answer.get_json()) == ["error"]
                assert isinstance(answer.get_json()["error"], str)
            else:
                said(answer, 503, "unavailable")
            assert "the disk" not in answer.get_data(as_text=True)
    for _ in range(2):
        for path, body, headers in sent:
            assert reports.client.post(path, json=body, headers=headers).status_code == 202
    assert len(reports.found()) == 2


@sqlite_only
def test_seed_001s_table_has_its_exact_bodies(reports: Reports) -> None:
    key = {"X-Open-Sentry-Key": reports.key}
    large = json.dumps(ITEM).encode() + b" " * (256 << 10)
    for status, word, data, headers in (
        (400, "Invalid JSON", b"{", key),
        (400, "Invalid payload", b"{}", key),
        (400, "Invalid payload", b"[]", key),
        (400, "Invalid payload", json.dumps([ITEM] * 21).encode(), key),
        (401, "Missing auth key", b"{}", {}),
        (403, "Invalid DSN key", b"{}", {"X-Open-Sentry-Key": "YOUR_PUBLIC_KEY"}),
        (413, "Payload too large", large, key),
    ):
        answer = reports.client.post("/v1/ingest", data=data, headers=headers)
        assert (answer.status_code, answer.get_json()) == (status, {"error": word})

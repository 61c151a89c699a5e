"""Whatever is sent, the answer is an envelope with a status of the contract: never a traceback, never a 5xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Client, MakeKey
from tests.api.test_monitors import url_monitor

JSON = {"Content-Type": "application/json"}
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def refused(client: Client, raw: bytes, method: str = "POST", path: str = "/v1/monitors") -> tuple[int, dict[str, Any]]:
    answer = client(method, path, data=raw, headers=JSON)
    body = answer.get_json()
    assert body["success"] is False
    assert body["error"]["request_id"] == answer.headers["X-Request-Id"]
    return answer.status_code, body["error"]


NO_MONITOR = [
    (b"", 400),
    (b"{", 400),
    (b"not json", 400),
    (b'{"name": NaN}', 400),
    (b'{"name": "a", "name": "b"}', 400),
    (b'{"name": "\\ud800 x"}', 400),
    (b'{"name": "\xff"}', 400),
    (b'{"a":' * 100_000, 400),
    (b"[" * 100_000 + b"]" * 100_000, 400),
    (b"[]", 422),
    (b"null", 422),
    (b'"text"', 422),
    (b"{}", 422),
    (b'{"type": null}', 422),
    (b'{"type": ["url"]}', 422),
    (b'{"type": "journey"}', 422),
]

WRONG_FIELDS: list[tuple[dict[str, Any], str | None]] = [
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\u0000b"}, "name"),
    ({"name": "a\r\nb"}, "name"),
    ({"name": 5}, "name"),
    ({"description": "a\u0000b"}, "description"),
    ({"description": "x" * 10_001}, "description"),
    ({"colour": "red"}, "colour"),
    ({"interval": 0}, "interval"),
    ({"interval": -1}, "interval"),
    ({"interval": 86_401}, "interval"),
    ({"interval": 1.5}, "interval"),
    ({"interval": "60"}, "interval"),
    ({"interval": True}, "interval"),
    ({"interval": 10**30}, "interval"),
    ({"timeout": 0}, "timeout"),
    ({"timeout": 121}, "timeout"),
    ({"timeout": 1e308}, "timeout"),
    ({"interval": 60, "cron": "* * * * *"}, "cron"),
    ({"cron": "61 * * * *"}, "cron"),
    ({"cron": "* * * *"}, "cron"),
    ({"cron": "@reboot"}, "cron"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
    ({"locations": []}, "locations"),
    ({"locations": "us-east"}, "locations"),
    ({"locations": ["US East"]}, "locations.0"),
    ({"locations": [f"a{number}" for number in range(51)]}, "locations"),
    ({"tags": [""]}, "tags.0"),
    ({"tags": ["a", "a", ""]}, "tags.2"),
    ({"status": "deleted"}, "status"),
    ({"retries": {"count": 6}}, "retries.count"),
    ({"retries": {"delay": 61}}, "retries.delay"),
    ({"retries": {"times": 1}}, "retries.times"),
    ({"muted_until": "soon"}, "muted_until"),
    ({"degraded_ms": 0}, "degraded_ms"),
    ({"runbook_url": "javascript:alert(1)"}, "runbook_url"),
    ({"depends_on": ["run_abc123"]}, "depends_on.0"),
    ({"depends_on": ["mon_abc123"]}, "depends_on.0"),
    ({"url": "file:///etc/passwd"}, "url"),
    ({"url": "ftp://example.com/"}, "url"),
    ({"url": "http://"}, "url"),
    ({"url": "not a url"}, "url"),
    ({"url": "http://example.com:99999/"}, "url"),
    ({"url": "http://exa mple.com/"}, "url"),
    ({"url": "http://example.com/\r\nX-Injected: 1"}, "url"),
    ({"url": 5}, "url"),
    ({"method": "FETCH ME"}, "method"),
    ({"headers": {"X-A": "1\r\nX-B: 2"}}, "headers.X-A"),
    ({"headers": {"X A": "1"}}, "headers.X A"),
    ({"headers": {"X-A": 1}}, "headers.X-A"),
    ({"headers": ["X-A"]}, "headers"),
    ({"assertions": [{"type": "status_code", "operator": "like", "value": 200}]}, "assertions.0.operator"),
    ({"assertions": [{"type": "phase_of_moon", "operator": "equals", "value": 1}]}, "assertions.0.type"),
    ({"assertions": [{"type": "body", "operator": "matches", "value": "(a"}]}, "assertions.0.value"),
    ({"assertions": [{"type": "body", "operator": "matches", "value": "(?<=a)b"}]}, "assertions.0.value"),
    ({"assertions": [{"type": "json_path", "path": "$[", "operator": "exists"}]}, "assertions.0.path"),
    ({"assertions": ["status_code"]}, "assertions.0"),
]

WRONG_FOR_THE_TYPE = [
    ("tcp", {"host": "example.com", "port": 0}, "port"),
    ("tcp", {"host": "example.com", "port": 65_536}, "port"),
    ("tcp", {"host": "example.com", "port": "80"}, "port"),
    ("tcp", {"port": 80}, "host"),
    ("tcp", {"host": "", "port": 80}, "host"),
    ("tcp", {"host": "exa mple.com", "port": 80}, "host"),
    ("tcp", {"host": "example.com", "port": 80, "url": "http://example.com/"}, "url"),
    ("dns", {"host": "example.com", "record_type": "XYZ"}, "record_type"),
    ("dns", {"host": "example.com", "record_type": "A", "nameserver": "not an address"}, "nameserver"),
    ("heartbeat", {"interval": 31_536_001}, "interval"),
    ("heartbeat", {"grace": 0}, "grace"),
    ("heartbeat", {"locations": ["us-east"]}, "locations"),
]

NO_IDS = [
"prb_abc123", "mon_", "mon_ABC123", "mon_abc123", "run_abc123", "1", "%00", "mon_abc%00", "mon_abc123%0a", "..",
     "'--", "mon_" + "a" * 5000, "%F0%9F%92%A9", "%ff",
]  # fmt: skip


# Each corpus is one test on one app: a store for every line of it would cost a minute and find nothing more.


@sqlite_only
def test_a_body_that_is_no_monitor_is_refused(owner: Client) -> None:
    wrong = [(raw[:40], found) for raw, status in NO_MONITOR if (found := refused(owner, raw)[0]) != status]
    assert wrong == []


@sqlite_only
def test_a_field_that_makes_no_sense_is_named_on_create_and_on_change(owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(), status=201)
    wrong = []
    for fields, at in WRONG_FIELDS:
        for body, method, path in (
            (url_monitor(**fields), "POST", "/v1/monitors"),
            (fields, "PUT", f"/v1/monitors/{made['id']}"),
        ):
            status, error = refused(owner, json.dumps(body).encode(), method, path)
            if status != 422 or (at is not None and at not in error["fields"]):
                wrong.append((method, fields, at, status, error.get("fields")))
    assert wrong == []
    assert owner.data("GET", f"/v1/monitors/{made['id']}")["updated_at"] == made["updated_at"]


@sqlite_only
def test_each_type_refuses_what_is_not_its_own(owner: Client) -> None:
    wrong = []
    for kind, fields, at in WRONG_FOR_THE_TYPE:
        error = owner.error("POST", "/v1/monitors", {"name": "x", "type": kind, **fields}, status=422)
        if at not in error["fields"]:
            wrong.append((kind, fields, at, error["fields"]))
    assert wrong == []


def test_an_id_that_is_none_is_not_found(owner: Client) -> None:
    for path in ("/v1/monitors/{}", "/v1/monitors/{}/run", "/v1/monitors/{}/runs", "/v1/runs/{}", "/v1/probes/{}"):
        for name in NO_IDS:
            method = "POST" if path.endswith("run") else "GET"
            answer = owner(method, path.format(name))
            assert answer.status_code in (404, 405), (path, name, answer.get_data(as_text=True))
            assert answer.get_json()["success"] is False


@sqlite_only
def test_a_body_over_a_mebibyte_is_too_large(owner: Client) -> None:
    raw = json.dumps(url_monitor(description="x" * (1 << 20))).encode()
    status, error = refused(owner, raw)
    assert (status, error["code"]) == (413, "too_large")


@sqlite_only
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_is_not_declared_as_json_is_refused(owner: Client, content_type: str) -> None:
    answer = owner("POST", "/v1/monitors", data=b'{"name": "x"}', headers={"Content-Type": content_type})
    assert answer.status_code == 415
    assert answer.get_json()["error"]["code"] == "unsupported_media_type"


@sqlite_only
def test_an_address_that_does_not_exist_and_a_method_it_does_not_take_answer_in_the_envelope(owner: Client) -> None:
    assert owner.error("GET", "/v1/nothing", status=404)["code"] == "not_found"
    assert owner.error("GET", "/v1/monitors/", status=404)["code"] == "not_found"
    assert owner.error("GET", "/v1//monitors", status=404)["code"] == "not_found"
    answer = owner("PATCH", "/v1/monitors")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "POST"}


@sqlite_only
def test_what_goes_wrong_on_our_side_tells_an_id_and_no_more(own_app: Flask, make_key: MakeKey) -> None:
    from api.access import OPEN, needs

    @needs(OPEN)
    def broken() -> str:
        raise RuntimeError("the secret is 4711")

    own_app.add_url_rule("/broken", view_func=broken)
    answer = Client(own_app.test_client(), make_key())("GET", "/broken")
    assert answer.status_code == 500
    assert answer.get_json()["error"]["code"] == "internal"
    assert "4711" not in answer.get_data(as_text=True)


def test_all_that_is_wrong_with_headers_is_said_at_once(owner: Client) -> None:
    headers = {"Host": "x", "X A": "1", "X-B": "1\r\nX-C: 2", "X-D": "1", "x-d": "2", "X-E": "1", "a\r\nb": "1"}
    fields = owner.error("POST", "/v1/monitors", url_monitor(headers=headers), status=422)["fields"]
    assert {name: said for name, [said] in fields.items()} == {
        "headers.Host": "is set by Tracer itself and can't be given",
        "headers.X A": "is not a header name: letters, digits and !#$%&'*+-.^_`|~ only",
        "headers.X-B": "must not contain line ends or other control characters",
        "headers.x-d": "is given twice",
        "headers.a\\r\\nb": "is not a header name: letters, digits and !#$%&'*+-.^_`|~ only",
    }


@pytest.mark.parametrize("query", ["per_page=many", "page=1.5", "per_page=", f"page={'9' * 5000}"])
def test_a_number_in_a_query_that_is_none_is_said_in_our_words(owner: Client, query: str) -> None:
    [[said]] = owner.error("GET", f"/v1/monitors?{query}", status=422)["fields"].values()
    assert said.startswith("must be a whole number")

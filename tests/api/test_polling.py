"""What makes polling cheap, and what marks each answer."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import structlog
from flask import Flask

from tests.api.conftest import Client
from tests.api.test_monitors import url_monitor

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.mark.parametrize("path", ["/v1/monitors", "/v1/monitors/{id}", "/v1/monitors/{id}/runs", "/v1/locations"])
def test_what_has_not_changed_is_answered_304_with_no_body(owner: Client, path: str) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(), status=201)
    path = path.format(**made)
    first = owner("GET", path)
    again = owner("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "private" in first.headers["Cache-Control"]


def test_a_change_is_seen_at_once_by_a_conditional_read(owner: Client) -> None:
    path = f"/v1/monitors/{owner.data('POST', '/v1/monitors', url_monitor(), status=201)['id']}"
    tag = owner("GET", path).headers["ETag"]
    owner.data("PUT", path, {"name": "New"})
    answer = owner("GET", path, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.get_json()["data"]["name"] == "New"


def test_a_body_over_a_kilobyte_is_gzipped_for_who_accepts_it(owner: Client) -> None:
    for _ in range(3):
        owner.data("POST", "/v1/monitors", url_monitor(), status=201)
    plain = owner("GET", "/v1/monitors")
    packed = owner("GET", "/v1/monitors", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert packed.headers["Content-Length"] == str(len(packed.data))
    assert "Accept-Encoding" in packed.headers["Vary"]
    refused = owner("GET", "/v1/monitors", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_a_small_body_travels_as_it_is(owner: Client) -> None:
    answer = owner("GET", "/v1/organization", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


def test_head_answers_like_get_without_a_body(owner: Client) -> None:
    answer, head = owner("GET", "/v1/monitors"), owner("HEAD", "/v1/monitors")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == answer.headers["ETag"]


def test_every_answer_has_an_id_of_its_own_that_stands_on_its_access_line(owner: Client, app: Flask) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answers = [
            owner("GET", "/v1/monitors?name=private"),
            owner("GET", "/v1/nothing"),
            owner("POST", "/v1/monitors"),
        ]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == 3
    access = [line for line in lines if line["event"] == "api.request"]
    assert [line["request_id"] for line in access] == ids
    assert [(line["route"], line["status"]) for line in access] == [
        ("/v1/monitors", 200),
        (None, 404),
        ("/v1/monitors", 400),
    ]
    assert owner.key not in str(lines)
    assert "private" not in str(lines)


def test_a_request_leaves_nothing_bound_to_its_thread(owner: Client) -> None:
    owner("GET", "/v1/monitors")
    bound: dict[str, Any] = structlog.contextvars.get_contextvars()
    assert not {"request_id", "organization_id", "key_id"} & set(bound)

"""/settings/keys: a key is made, shown once, revoked."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.api.conftest import Client
from tests.api.pages.world import Browser

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PAGE = "/settings/keys"


def test_a_key_is_shown_once_works_and_is_revoked(signed_in: Browser, app: Flask, owner: Client) -> None:
    answer = signed_in.send(PAGE, PAGE, name="CI <x>", scopes="run", expires="30")
    [key] = re.findall(r"trk_\w{38}", answer.get_data(as_text=True))
    assert answer.headers["Cache-Control"] == "no-store"
    ci = Client(app.test_client(), key)
    assert ci("GET", "/v1/monitors").status_code == 200
    assert ci("POST", "/v1/silences", {}).status_code == 403
    text = signed_in.answer(PAGE).get_data(as_text=True)
    assert key not in text
    assert "CI &lt;x&gt;" in text
    [made] = [row for row in owner.data("GET", "/v1/api-keys") if row["name"] == "CI <x>"]
    assert (made["scopes"], made["expires_at"]) == (["run"], "2024-02-14T10:30:00.000Z")
    answer = signed_in.send(PAGE, f"{PAGE}/{made['id']}/revoke")
    assert "revoked" in signed_in.get(answer.headers["Location"]).text
    assert ci("GET", "/v1/monitors").status_code == 401


@sqlite_only
@pytest.mark.parametrize(
    "fields",
    [
        {"name": "k"},
        {"scopes": "run"},
        {"name": "k", "scopes": "root"},
        {"name": "k", "scopes": "run", "expires": "0"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused_beside_its_field(
    signed_in: Browser, owner: Client, fields: dict[str, str]
) -> None:
    answer = signed_in.send(PAGE, PAGE, **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.get_data(as_text=True)
    assert len(owner.data("GET", "/v1/api-keys")) == 2


def test_the_last_key_stays(browser: Browser, owner: Client) -> None:
    browser.sign_in(owner.key)
    [own] = owner.data("GET", "/v1/api-keys")
    answer = browser.send(PAGE, f"{PAGE}/{own['id']}/revoke")
    assert (answer.status_code, "last key" in answer.get_data(as_text=True)) == (409, True)

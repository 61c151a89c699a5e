"""What holds for all pages of people: their forms are ours alone, their markup is sound."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.api.conftest import Client
from tests.api.pages.world import Browser

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


FORMS = (
    "/account/name", "/account/password", "/account/organization", "/account/sessions/ses_abc123/end",
    "/settings/people/invite", "/settings/people/mem_abc123/role", "/settings/people/mem_abc123/remove",
    "/settings/people/mem_abc123/link", "/settings/keys", "/settings/keys/key_abc123/revoke",
    "/alerts/rules/try", "/alerts/channels/chan_abc123/test",
)  # fmt: skip


@sqlite_only
@pytest.mark.parametrize("path", FORMS)
def test_forms_of_other_sites_and_without_their_token_are_refused(signed_in: Browser, owner: Client, path: str) -> None:
    token = signed_in.answer("/account").get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
    fields = {"name": "k", "scopes": "admin", "email": "eve@example.com"}
    assert signed_in.post(path, {**fields, "form_token": "forged"}).status_code == 403
    foreign = signed_in.post(path, {**fields, "form_token": token}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert owner.data("GET", "/v1/organization/members") == []
    assert len(owner.data("GET", "/v1/api-keys")) == 2


@sqlite_only
def test_every_page_has_a_title_one_heading_and_nothing_inline(
    signed_in: Browser, browser: Browser, app: Flask
) -> None:
    pages = [(signed_in, path) for path in ("/account", "/settings/people", "/settings/keys")]
    for visitor, path in [*pages, (Browser.of(app), "/login")]:
        answer = visitor.answer(path)
        seen = visitor.get(path)
        assert len(seen.all("title")) == len(seen.all("h1")) == 1, path
        assert not seen.all("style")
        assert all("src" in script for script in seen.all("script"))
        assert not [
            tag for tag, attributes in seen.tags if any(name.startswith(("on", "style")) for name in attributes)
        ]
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        ids = [attributes["id"] for _, attributes in seen.tags if attributes.get("id")]
        assert len(ids) == len(set(ids)), path
        fields = [
            field
            for field in (*seen.all("input"), *seen.all("select"))
            if field.get("type") not in ("hidden", "checkbox", "radio")
        ]
        labels = {label.get("for") for label in seen.all("label")}
        assert all(field.get("id") in labels or field.get("aria-hidden") for field in fields), path

"""The pages of people: oneself, the members, the keys; and signing in by password."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from store.keyring import Keyring
from store.sessions import Database
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.store.people import PASSWORD

OTHER = "four quite other words"
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def crowd(app: Flask, database: Database, keyring: Keyring, organization: str) -> Crowd:
    return Crowd(app, database, keyring, organization)


@pytest.fixture
def enter(app: Flask, crowd: Crowd) -> Callable[..., Browser]:
    """A function that makes a member and a browser signed in as them."""

    def entered(role: str, name: str = "Ada") -> Browser:
        crowd.member(role, name)
        browser = Browser.of(app)
        answer = browser.send("/login", "/login", email=f"{name.lower()}@example.com", password=PASSWORD)
        assert answer.status_code == 303
        return browser

    return entered


class TestSigningIn:
    def test_a_password_signs_in_and_leads_to_the_page_asked_for(
        self, browser: Browser, crowd: Crowd, outage: Outage
    ) -> None:
        crowd.member("viewer")
        answer = browser.send(f"/login?next={outage.page}", "/login", email=" Ada@example.com ", password=PASSWORD)
        assert (answer.status_code, answer.headers["Location"]) == (303, outage.page)
        assert "Orders API answers 503" in browser.get(outage.page).text
        assert "Ada" in browser.get("/alerts").text

    @sqlite_only
    @pytest.mark.parametrize(
        ("fields", "status", "said"),
        [
            ({"email": "ada@example.com", "password": "no"}, 401, "do not belong together"),
            ({"email": "nobody@example.com", "password": PASSWORD}, 401, "do not belong together"),
            ({"email": "ada@example.com", "password": "x" * 2_000}, 401, "do not belong together"),
            ({"email": "ada@example.com"}, 422, "Type your email and password"),
            ({"email": "ada", "password": PASSWORD}, 422, "must be a mail address"),
            ({"email": "ada@example.com", "password": PASSWORD, "api_key": "trk_x"}, 422, "not both"),
        ],
    )
    def test_what_does_not_open_is_said_beside_the_form(
        self, browser: Browser, crowd: Crowd, fields: dict[str, str], status: int, said: str
    ) -> None:
        crowd.member("viewer")
        answer = browser.send("/login", "/login", **fields)
        text = answer.get_data(as_text=True)
        assert answer.status_code == status
        assert said in text
        assert fields["email"] in text, "what was typed stands there again"
        assert fields.get("password", "-") not in text
        browser.answer("/alerts", status=303)

    def test_a_viewer_sees_and_changes_nothing(self, enter: Callable[..., Browser], outage: Outage) -> None:
        browser = enter("viewer")
        page = browser.get(outage.page)
        assert "Acknowledge" not in [button.get("value") for button in page.all("button")]
        token = browser.answer("/alerts").get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
        answer = browser.post(f"{outage.page}/acknowledge", {"form_token": token})
        assert answer.status_code == 403
        assert "Your role here is viewer" in answer.get_data(as_text=True)

    def test_what_a_member_acknowledges_bears_their_name(self, enter: Callable[..., Browser], outage: Outage) -> None:
        browser = enter("member")
        browser.send("/alerts", f"{outage.page}/acknowledge")
        assert "acknowledged by Ada" in browser.get("/alerts").text

    def test_a_removed_member_s_next_page_is_the_sign_in(self, enter: Callable[..., Browser], owner: Client) -> None:
        browser = enter("admin")
        browser.get("/settings/people")
        [member] = owner.data("GET", "/v1/organization/members")
        owner.data("DELETE", f"/v1/organization/members/{member['id']}")
        assert browser.answer("/settings/people", status=303).headers["Location"].startswith("/login")


class TestAccount:
    def test_a_name_is_changed(self, enter: Callable[..., Browser]) -> None:
        browser = enter("viewer")
        answer = browser.send("/account", "/account/name", name="Ada <b>Lovelace</b>")
        assert "Your name is changed" in browser.get(answer.headers["Location"]).text
        assert "Ada <b>Lovelace</b>" in browser.get("/alerts").text
        assert browser.send("/account", "/account/name", name="\x1b[2J").status_code == 422

    def test_a_password_is_changed_and_signs_out_elsewhere(self, enter: Callable[..., Browser], app: Flask) -> None:
        browser, elsewhere = enter("viewer"), Browser.of(app)
        elsewhere.send("/login", "/login", email="ada@example.com", password=PASSWORD)
        typed = {"new_password": OTHER, "new_password_again": OTHER}
        wrong = browser.send("/account", "/account/password", current_password="no", **typed)
        assert (wrong.status_code, "not your password" in wrong.get_data(as_text=True)) == (403, True)
        slip = browser.send("/account", "/account/password", current_password=PASSWORD, new_password=OTHER)
        assert (slip.status_code, "typing error" in slip.get_data(as_text=True)) == (422, True)
        elsewhere.answer("/alerts")
        browser.send("/account", "/account/password", current_password=PASSWORD, **typed)
        browser.answer("/alerts")
        elsewhere.answer("/alerts", status=303)

    def test_sessions_are_listed_and_ended(self, enter: Callable[..., Browser], app: Flask) -> None:
        browser, elsewhere = enter("viewer"), Browser.of(app)
        elsewhere.client.environ_base["HTTP_USER_AGENT"] = "A phone <i>"
        elsewhere.send("/login", "/login", email="ada@example.com", password=PASSWORD)
        text = browser.answer("/account").get_data(as_text=True)
        assert "A phone &lt;i&gt;" in text
        [other] = re.findall(r"A phone.*?action=\"(/account/sessions/ses_\w+/end)\"", text, re.DOTALL)
        browser.send("/account", other)
        elsewhere.answer("/alerts", status=303)
        [own] = re.findall(
            r'action="(/account/sessions/ses_\w+/end)"', browser.answer("/account").get_data(as_text=True)
        )
        assert browser.send("/account", own).headers["Location"] == "/login"
        browser.answer("/alerts", status=303)

    def test_a_person_switches_organizations(
        self, enter: Callable[..., Browser], crowd: Crowd, make_organization: Callable[[str], str], outage: Outage
    ) -> None:
        browser = enter("viewer")
        crowd.member("admin", "Ada", make_organization("Other"))
        assert "Orders API answers 503" in browser.get("/alerts").text
        browser.send("/account", "/account/organization")
        assert "Orders API answers 503" not in browser.get("/alerts").text
        browser.answer(outage.page, status=404)
        assert "Other, as admin" in browser.get("/account").text

    def test_who_signed_in_with_a_key_sees_which(self, signed_in: Browser) -> None:
        seen = signed_in.get("/account")
        assert "API key test" in seen.text
        assert not [field for field in seen.all("input") if field.get("type") == "password"]
        assert "This one" in seen.text


class TestMembers:
    PAGE = "/settings/people"

    def test_an_invitation_shows_its_link_once(self, signed_in: Browser, owner: Client) -> None:
        answer = signed_in.send(self.PAGE, f"{self.PAGE}/invite", email="ada@example.com", role="viewer")
        [link] = re.findall(rf"{PUBLIC_URL}/invite/[\w-]{{43}}", answer.get_data(as_text=True))
        assert answer.headers["Cache-Control"] == "no-store"
        text = signed_in.answer(self.PAGE).get_data(as_text=True)
        assert link not in text
        assert "ada@example.com" in text
        [member] = owner.data("GET", "/v1/organization/members")
        again = signed_in.send(self.PAGE, f"{self.PAGE}/{member['id']}/link").get_data(as_text=True)
        assert link not in again
        stranger = Browser.of(signed_in.client.application)
        stranger.get(link.removeprefix(PUBLIC_URL), status=404)

    def test_roles_are_changed_and_members_removed(self, signed_in: Browser, crowd: Crowd, owner: Client) -> None:
        member = crowd.member("viewer")
        answer = signed_in.send(self.PAGE, f"{self.PAGE}/{member.id}/role", role="admin")
        assert "The role is changed" in signed_in.get(answer.headers["Location"]).text
        assert owner.data("GET", f"/v1/organization/members/{member.id}")["role"] == "admin"
        answer = signed_in.send(self.PAGE, f"{self.PAGE}/{member.id}/remove")
        assert "no member any more" in signed_in.get(answer.headers["Location"]).text
        assert owner.data("GET", "/v1/organization/members") == []

    def test_what_can_not_be_done_is_said_on_the_page(self, enter: Callable[..., Browser], crowd: Crowd) -> None:
        grace = enter("owner", "Grace")
        page = grace.answer(self.PAGE).get_data(as_text=True)
        [own] = re.findall(rf'action="({self.PAGE}/mem_\w+/remove)"', page)
        answer = grace.send(self.PAGE, own)
        assert (answer.status_code, "last owner" in answer.get_data(as_text=True)) == (409, True)
        answer = grace.send(self.PAGE, f"{self.PAGE}/invite", email="grace@example.com")
        assert (answer.status_code, "is a member already" in answer.get_data(as_text=True)) == (409, True)
        assert grace.send(self.PAGE, f"{self.PAGE}/invite", email="x").status_code == 422

    def test_who_is_no_owner_is_offered_nothing_of_owners(self, enter: Callable[..., Browser], crowd: Crowd) -> None:
        owner = crowd.member("owner", "Grace")
        admin = enter("admin")
        text = admin.answer(self.PAGE).get_data(as_text=True)
        assert owner.id not in text
        assert ">owner</option>" not in text
        token = text.split('name="form_token" value="')[1].split('"')[0]
        for path, fields in (
            (f"{self.PAGE}/{owner.id}/remove", {}),
            (f"{self.PAGE}/{owner.id}/role", {"role": "viewer"}),
            (f"{self.PAGE}/invite", {"email": "x@example.com", "role": "owner"}),
        ):
            assert admin.post(path, {"form_token": token, **fields}).status_code == 403

    @sqlite_only
    @pytest.mark.parametrize("path", ["/settings/people", "/settings/keys"])
    @pytest.mark.parametrize("role", ["viewer", "member"])
    def test_settings_are_for_admins(self, enter: Callable[..., Browser], path: str, role: str) -> None:
        browser = enter(role)
        browser.answer(path, status=403)
        assert browser.answer("/settings", status=303).headers["Location"] == "/account"


class TestKeys:
    PAGE = "/settings/keys"

    def test_a_key_is_shown_once_works_and_is_revoked(self, signed_in: Browser, app: Flask, owner: Client) -> None:
        answer = signed_in.send(self.PAGE, self.PAGE, name="CI <x>", scopes="run", expires="30")
        [key] = re.findall(r"trk_[0-9a-z]{39}", answer.get_data(as_text=True))
        assert answer.headers["Cache-Control"] == "no-store"
        ci = Client(app.test_client(), key)
        assert ci("GET", "/v1/monitors").status_code == 200
        assert ci("POST", "/v1/silences", {}).status_code == 403
        text = signed_in.answer(self.PAGE).get_data(as_text=True)
        assert key not in text
        assert "CI &lt;x&gt;" in text
        [made] = [row for row in owner.data("GET", "/v1/api-keys") if row["name"] == "CI <x>"]
        assert (made["scopes"], made["expires_at"]) == (["run"], "2024-02-14T10:30:00.000Z")
        answer = signed_in.send(self.PAGE, f"{self.PAGE}/{made['id']}/revoke")
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
        self, signed_in: Browser, owner: Client, fields: dict[str, str]
    ) -> None:
        answer = signed_in.send(self.PAGE, self.PAGE, **fields)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.get_data(as_text=True)
        assert len(owner.data("GET", "/v1/api-keys")) == 2

    def test_the_last_key_stays(self, browser: Browser, owner: Client) -> None:
        browser.sign_in(owner.key)
        [own] = owner.data("GET", "/v1/api-keys")
        answer = browser.send(self.PAGE, f"{self.PAGE}/{own['id']}/revoke")
        assert (answer.status_code, "last key" in answer.get_data(as_text=True)) == (409, True)


FORMS = (
    "/account/name", "/account/password", "/account/organization", "/account/sessions/ses_abc123/end",
    "/settings/people/invite", "/settings/people/mem_abc123/role", "/settings/people/mem_abc123/remove",
    "/settings/people/mem_abc123/link", "/settings/keys", "/settings/keys/key_abc123/revoke",
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
            if field.get("type") not in ("hidden", "checkbox")
        ]
        labels = {label.get("for") for label in seen.all("label")}
        assert all(field.get("id") in labels or field.get("aria-hidden") for field in fields), path

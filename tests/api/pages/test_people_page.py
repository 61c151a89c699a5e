"""/settings/people: invitations, roles, removal, and what only owners are offered."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.world import Browser
from tests.api.people import Crowd

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PAGE = "/settings/people"


def test_an_invitation_shows_its_link_once(signed_in: Browser, owner: Client) -> None:
    answer = signed_in.send(PAGE, f"{PAGE}/invite", email="ada@example.com", role="viewer")
    [link] = re.findall(rf"{PUBLIC_URL}/invite/[\w-]{{43}}", answer.get_data(as_text=True))
    assert answer.headers["Cache-Control"] == "no-store"
    text = signed_in.answer(PAGE).get_data(as_text=True)
    assert link not in text
    assert "ada@example.com" in text
    [member] = owner.data("GET", "/v1/organization/members")
    again = signed_in.send(PAGE, f"{PAGE}/{member['id']}/link").get_data(as_text=True)
    assert link not in again
    stranger = Browser.of(signed_in.client.application)
    stranger.get(link.removeprefix(PUBLIC_URL), status=404)


def test_roles_are_changed_and_members_removed(signed_in: Browser, crowd: Crowd, owner: Client) -> None:
    member = crowd.member("viewer")
    answer = signed_in.send(PAGE, f"{PAGE}/{member.id}/role", role="admin")
    assert "The role is changed" in signed_in.get(answer.headers["Location"]).text
    assert owner.data("GET", f"/v1/organization/members/{member.id}")["role"] == "admin"
    answer = signed_in.send(PAGE, f"{PAGE}/{member.id}/remove")
    assert "no member any more" in signed_in.get(answer.headers["Location"]).text
    assert owner.data("GET", "/v1/organization/members") == []


def test_what_can_not_be_done_is_said_on_the_page(enter: Callable[..., Browser], crowd: Crowd) -> None:
    grace = enter("owner", "Grace")
    page = grace.answer(PAGE).get_data(as_text=True)
    [own] = re.findall(rf'action="({PAGE}/mem_\w+/remove)"', page)
    answer = grace.send(PAGE, own)
    assert (answer.status_code, "last owner" in answer.get_data(as_text=True)) == (409, True)
    answer = grace.send(PAGE, f"{PAGE}/invite", email="grace@example.com")
    assert (answer.status_code, "is a member already" in answer.get_data(as_text=True)) == (409, True)
    assert grace.send(PAGE, f"{PAGE}/invite", email="x").status_code == 422


def test_who_is_no_owner_is_offered_nothing_of_owners(enter: Callable[..., Browser], crowd: Crowd) -> None:
    owner = crowd.member("owner", "Grace")
    admin = enter("admin")
    text = admin.answer(PAGE).get_data(as_text=True)
    assert owner.id not in text
    assert ">owner</option>" not in text
    token = text.split('name="form_token" value="')[1].split('"')[0]
    for path, fields in (
        (f"{PAGE}/{owner.id}/remove", {}),
        (f"{PAGE}/{owner.id}/role", {"role": "viewer"}),
        (f"{PAGE}/invite", {"email": "x@example.com", "role": "owner"}),
    ):
        assert admin.post(path, {"form_token": token, **fields}).status_code == 403


@sqlite_only
@pytest.mark.parametrize("path", ["/settings/people", "/settings/keys"])
@pytest.mark.parametrize("role", ["viewer", "member"])
def test_settings_are_for_admins(enter: Callable[..., Browser], path: str, role: str) -> None:
    browser = enter(role)
    browser.answer(path, status=403)
    assert browser.answer("/settings", status=303).headers["Location"] == "/account"

"""From a link to a member: the setup link of the first owner, and invitations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store.invitations import make_setup_link
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.store.people import PASSWORD

WORDS = "four random words"
TYPED = {"password": WORDS, "password_again": WORDS}
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def setup(database: Database, keyring: Keyring, organization: str) -> str:
    """The path of a setup link."""
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return f"/setup/{make_setup_link(session, keyring, organization, database.now_ms(session))}"


def invited(owner: Client, role: str = "viewer", email: str = "ada@example.com") -> str:
    """The path of an invitation's link."""
    made = owner.data("POST", "/v1/organization/invite", {"email": email, "role": role}, status=201)
    return str(made["invite_url"]).removeprefix(PUBLIC_URL)


def fill(browser: Browser, path: str, **fields: str) -> tuple[int, str]:
    """Send the form of a link's page; the status, and what the answer says."""
    text = browser.answer(path).get_data(as_text=True)
    token = text.rsplit('name="form_token" value="', 1)[1].split('"')[0]
    answer = browser.post(path, {"form_token": token, **fields})
    return answer.status_code, answer.headers.get("Location") or answer.get_data(as_text=True)


def test_a_setup_link_makes_the_first_owner_who_is_signed_in(browser: Browser, setup: str, owner: Client) -> None:
    seen = browser.get(setup)
    assert "You become an owner" in seen.text
    assert "Example" in str(seen.all("input"))
    sent = fill(browser, setup, organization="Navy", name="Grace", email="Grace@example.com", **TYPED)
    assert sent == (303, "/")
    people = browser.get("/settings/people").text
    assert "Grace You owner" in people
    assert owner.data("GET", "/v1/organization")["name"] == "Navy"
    stranger = Browser.of(browser.client.application)
    assert "opens nothing" in stranger.get(setup, status=404).text


def test_who_is_invited_joins_with_a_name_and_a_password(browser: Browser, owner: Client) -> None:
    path = invited(owner)
    seen = browser.get(path)
    assert "test invites ada@example.com as viewer" in seen.text
    assert fill(browser, path, name="Ada", **TYPED) == (303, "/")
    assert "Sign out" in browser.get("/alerts").text
    assert browser.answer("/settings/people", status=403)
    assert "Your role here is viewer" in browser.get("/settings/people", status=403).text
    assert "opens nothing" in Browser.of(browser.client.application).get(path, status=404).text


def test_opening_a_link_changes_nothing(browser: Browser, owner: Client) -> None:
    path = invited(owner)
    for _ in range(3):
        browser.get(path)
    [member] = owner.data("GET", "/v1/organization/members")
    assert member["status"] == "invited"


@sqlite_only
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", **TYPED}, "Your name is required"),
        ({"name": "Ada", "password": "short", "password_again": "short"}, "must have at least 12 characters"),
        ({"name": "Ada", "password": WORDS, "password_again": WORDS + "x"}, "typing error"),
        ({"name": "Ada"}, "Password is required"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(
    browser: Browser, owner: Client, fields: dict[str, str], said: str
) -> None:
    path = invited(owner)
    status, text = fill(browser, path, **fields)
    assert status == 422
    assert said in text
    assert 'role="alert"' in text
    assert f'value="{fields["name"]}"' in text, "what was typed stands there again"
    assert fields.get("password", "none-was-given") not in text
    assert fill(browser, path, name="Ada", **TYPED)[0] == 303, "the link still works"


def test_who_has_an_account_types_its_password(
    browser: Browser, owner: Client, crowd: Crowd, make_organization: Callable[[str], str]
) -> None:
    crowd.member("viewer", "Ada", make_organization("Other"))
    path = invited(owner)
    assert "There is an account with this email already" in browser.get(path).text
    assert fill(browser, path, password="not this one") == (401, fill(browser, path, password="nor this")[1])
    assert fill(browser, path, password=PASSWORD) == (303, "/")
    assert "Switch to Other" in str(browser.get("/account").all("button"))


def test_who_is_signed_in_joins_by_one_button(
    browser: Browser, owner: Client, crowd: Crowd, make_organization: Callable[[str], str]
) -> None:
    crowd.member("viewer", "Ada", make_organization("Other"))
    browser.send("/login", "/login", email="ada@example.com", password=PASSWORD)
    path = invited(owner)
    seen = browser.get(path)
    assert not [field for field in seen.all("input") if field.get("type") == "password"]
    assert fill(browser, path) == (303, "/")
    assert "Example, as viewer" in browser.get("/account").text


def test_who_is_signed_in_as_somebody_else_is_told_and_replaced(browser: Browser, owner: Client, crowd: Crowd) -> None:
    crowd.member("admin", "Eve")
    browser.send("/login", "/login", email="eve@example.com", password=PASSWORD)
    path = invited(owner)
    assert "joining signs them out" in browser.get(path).text
    assert fill(browser, path, name="Ada", **TYPED) == (303, "/")
    assert "ada@example.com" in browser.get("/account").text


@sqlite_only
@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {}])
def test_a_form_of_another_site_or_without_its_token_is_refused(
    browser: Browser, owner: Client, headers: dict[str, str]
) -> None:
    path = invited(owner)
    token = browser.answer(path).get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
    fields = {"name": "Ada", **TYPED, "form_token": token if headers else "forged"}
    assert browser.post(path, fields, headers=headers).status_code == 403
    [member] = owner.data("GET", "/v1/organization/members")
    assert member["status"] == "invited"


@sqlite_only
@pytest.mark.parametrize(
    "path", ["/setup/x", "/invite/" + "A" * 43, "/invite/" + "\u00e9" * 43, "/setup/" + "A" * 5000]
)
def test_a_link_that_was_never_made_opens_nothing(browser: Browser, path: str) -> None:
    assert "This link opens nothing" in browser.get(path, status=404).text


@sqlite_only
def test_guesses_are_limited_by_address(browser: Browser, owner: Client) -> None:
    path = invited(owner)
    statuses = [fill(browser, path, name="Ada", password="short", password_again="short")[0] for _ in range(11)]
    assert statuses == [422] * 10 + [429]

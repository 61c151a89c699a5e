"""Signing in over REST, and what concerns oneself: name, password, sessions, organizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs

from api import signing_in
from model.times import HOUR_MS
from store.invitations import make_setup_link
from store.keyring import Keyring
from store.passwords import BusyError
from store.people_tables import Person
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.api.people import Crowd
from tests.store.people import PASSWORD

OTHER = "four quite other words"
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def sign_in(app: Flask, email: str = "ada@example.com", password: str = PASSWORD, **options: Any) -> Any:
    return app.test_client().post("/v1/sessions", json={"email": email, "password": password}, **options)


def opens(app: Flask, token: str) -> int:
    return int(Client(app.test_client(), token)("GET", "/v1/account").status_code)


def test_an_email_and_its_password_begin_a_session(app: Flask, crowd: Crowd) -> None:
    crowd.member("member")
    answer = sign_in(app, " ADA@example.com ".strip(), headers={"User-Agent": "curl/8"})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.get_json()["data"]
    assert (made["person"]["email"], made["organization"]["role"]) == ("ada@example.com", "member")
    assert made["scopes"] == ["read", "run", "write"]
    assert opens(app, made["token"]) == 200
    [listed] = Client(app.test_client(), made["token"]).data("GET", "/v1/account/sessions")
    assert (listed["current"], listed["user_agent"], listed["organization"]) == (True, "curl/8", "Example")


def test_a_wrong_email_and_a_wrong_password_are_answered_alike(app: Flask, crowd: Crowd) -> None:
    crowd.member("member")
    wrong = [sign_in(app, "nobody@example.com"), sign_in(app, password=OTHER), sign_in(app, password="")]
    told = [{**answer.get_json()["error"], "request_id": ""} for answer in wrong]
    assert [answer.status_code for answer in wrong] == [401] * 3
    assert told[0] == told[1] == told[2]


@sqlite_only
def test_one_address_may_try_ten_times_a_minute(app: Flask, crowd: Crowd) -> None:
    crowd.member("member")
    assert [sign_in(app, password="x").status_code for _ in range(10)] == [401] * 10
    late = sign_in(app)
    assert late.status_code == 429
    assert int(late.headers["Retry-After"]) > 0


@sqlite_only
def test_who_comes_when_too_many_sign_in_is_told_when_to_come_back(
    app: Flask, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.member("member")

    def busy(*_: Any) -> Any:
        raise BusyError

    with monkeypatch.context() as crowded:
        crowded.setattr(signing_in, "verify_password", busy)
        answer = sign_in(app)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert sign_in(app).status_code == 201


@sqlite_only
def test_no_log_line_and_no_refusal_holds_a_password(app: Flask, crowd: Crowd) -> None:
    crowd.member("member")
    canary = "canary-password-7391"
    with capture_logs() as lines:
        answers = [sign_in(app, password=canary), sign_in(app, email="x", password=canary)]
        answers.append(app.test_client().post("/v1/sessions", json={"email": 1, "password": canary, "extra": canary}))
        answers.append(app.test_client().post("/v1/sessions", data=canary))
        ada = Client(app.test_client(), sign_in(app).get_json()["data"]["token"])
        answers.append(ada("PUT", "/v1/account/password", {"current_password": canary, "new_password": canary[:11]}))
    assert canary[:11] not in str(lines)
    assert all(canary[:11] not in answer.get_data(as_text=True) for answer in answers)


def test_a_changed_password_signs_out_everywhere_but_here(app: Flask, crowd: Crowd, clock: Any) -> None:
    member = crowd.member("member")
    here, elsewhere = crowd.client(member), crowd.client(member)
    body = {"current_password": "not the one", "new_password": OTHER}
    assert here.error("PUT", "/v1/account/password", body, status=403)
    assert elsewhere("GET", "/v1/account").status_code == 200
    clock.advance(1_000)
    changed = here.data("PUT", "/v1/account/password", {**body, "current_password": PASSWORD})
    assert changed["person"]["password_changed_at"] == "2024-01-15T10:30:01.000Z"
    assert here("GET", "/v1/account").status_code == 200
    assert elsewhere("GET", "/v1/account").status_code == 401
    assert [sign_in(app, password=word).status_code for word in (PASSWORD, OTHER)] == [401, 201]


def test_a_password_changed_while_it_is_looked_at_opens_nothing(
    app: Flask, crowd: Crowd, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, real = crowd.member("member"), signing_in.verify_password

    def changed_meanwhile(stored: str | None, password: str) -> Any:
        verdict = real(stored, password)
        stored_as(database, member.person_id or "", "the hash of another")
        return verdict

    monkeypatch.setattr(signing_in, "verify_password", changed_meanwhile)
    assert sign_in(app).status_code == 401
    assert crowd.client(member).data("GET", "/v1/account/sessions")[0]["current"], "its own session alone"


def test_a_hash_of_former_defaults_is_made_anew_when_somebody_signs_in(
    app: Flask, crowd: Crowd, database: Database
) -> None:
    person_id = crowd.member("member").person_id or ""
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    stored_as(database, person_id, weak)
    assert sign_in(app).status_code == 201
    with database.read(EVERY_ORGANIZATION) as session:
        fresh = session.get_one(Person, person_id).password_hash
    assert fresh != weak
    assert sign_in(app).status_code == 201


def stored_as(database: Database, person_id: str, password_hash: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(Person, person_id).password_hash = password_hash


@sqlite_only
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("short", "at least 12"),
        ("a" * 40, "same few"),
        ("x\0" * 10, "NUL"),
        ("Ada@Example.com", "must not be your email"),
    ],
)
def test_a_new_password_is_hard_to_guess(crowd: Crowd, word: str, said: str) -> None:
    body = {"current_password": PASSWORD, "new_password": word}
    fields = crowd.signed_in("viewer").error("PUT", "/v1/account/password", body, status=422)["fields"]
    assert said in next(iter(fields.values()))[0]


def test_a_session_is_listed_and_ended(app: Flask, crowd: Crowd) -> None:
    member = crowd.member("viewer")
    here, elsewhere = crowd.client(member), crowd.client(member)
    listed = here.data("GET", "/v1/account/sessions")
    [other] = [session["id"] for session in listed if not session["current"]]
    stranger = crowd.signed_in("owner", "Eve")
    assert stranger("DELETE", f"/v1/account/sessions/{other}").status_code == 404
    assert here.data("DELETE", f"/v1/account/sessions/{other}")["deleted"] is True
    assert elsewhere("GET", "/v1/account").status_code == 401
    assert here("DELETE", f"/v1/account/sessions/{other}").status_code == 404


def test_a_session_ends_after_twelve_hours_without_a_request(app: Flask, crowd: Crowd, clock: Any) -> None:
    ada = crowd.signed_in("viewer")
    clock.advance(12 * HOUR_MS - 1)
    assert ada("GET", "/v1/account").status_code == 200
    clock.advance(1)
    assert ada("GET", "/v1/account").status_code == 401


def test_a_person_switches_between_organizations_and_sees_one_at_a_time(
    crowd: Crowd, make_organization: Callable[[str], str], owner: Client, clock: Any
) -> None:
    other, strange = make_organization("Other"), make_organization("Strange")
    ada = crowd.client(crowd.member("viewer"))
    clock.advance(1)
    crowd.member("admin", "Ada", other)
    owner.data("POST", "/v1/variables", {"name": "HERE", "value": "x"}, status=201)
    assert [place["name"] for place in ada.data("GET", "/v1/organizations")] == ["Example", "Other"]
    assert len(ada.data("GET", "/v1/variables")) == 1
    switched = ada.data("POST", f"/v1/organizations/{other}/switch")
    assert [(place["name"], place["role"], place["current"]) for place in switched] == [
        ("Example", "viewer", False), ("Other", "admin", True),
    ]  # fmt: skip
    assert ada.data("GET", "/v1/variables") == []
    assert ada.data("GET", "/v1/organization")["name"] == "Other"
    assert ada("GET", "/v1/api-keys").status_code == 200
    assert ada("POST", f"/v1/organizations/{strange}/switch").status_code == 404
    assert ada.data("GET", "/v1/organization")["name"] == "Other"


def test_a_key_is_in_one_organization_and_has_no_account(owner: Client, organization: str) -> None:
    account = owner.data("GET", "/v1/account")
    assert (account["person"], account["key"]["name"], account["organization"]["id"]) == (None, "test", organization)
    assert [place["id"] for place in owner.data("GET", "/v1/organizations")] == [organization]
    assert owner.data("GET", "/v1/account/sessions") == []
    for method, path, body in (
        ("PUT", "/v1/account", {"name": "x"}),
        ("PUT", "/v1/account/password", {"current_password": "x", "new_password": OTHER}),
        ("POST", f"/v1/organizations/{organization}/switch", None),
    ):
        assert "no account" in owner.error(method, path, body, status=403)["message"]


def test_what_somebody_does_is_done_in_their_name(crowd: Crowd, owner: Client) -> None:
    ada = crowd.signed_in("member")
    assert ada.data("PUT", "/v1/account", {"name": "Ada Lovelace"})["person"]["name"] == "Ada Lovelace"
    silence = ada.data("POST", "/v1/silences", {"match": {"all": True}, "for": 60}, status=201)
    assert silence["created_by"] == "Ada Lovelace"


def setup_token(database: Database, keyring: Keyring, organization: str) -> str:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return make_setup_link(session, keyring, organization, database.now_ms(session))


def test_a_setup_link_makes_an_owner_and_names_the_organization(
    app: Flask, database: Database, keyring: Keyring, organization: str
) -> None:
    path = f"/v1/invitations/{setup_token(database, keyring, organization)}"
    assert app.test_client().get(path).get_json()["data"]["email"] is None
    body = {"name": "Grace", "password": "four random words", "organization": "Navy"}
    refused = app.test_client().post(f"{path}/accept", json=body)
    assert (refused.status_code, list(refused.get_json()["error"]["fields"])) == (422, ["email"])
    joined = app.test_client().post(f"{path}/accept", json={**body, "email": "Grace@example.com"})
    assert joined.status_code == 201
    made = joined.get_json()["data"]
    assert made["organization"] == {"id": organization, "name": "Navy", "role": "owner", "current": True}
    assert app.test_client().post(f"{path}/accept", json={**body, "email": "eve@example.com"}).status_code == 404


@pytest.mark.parametrize("way", ["password", "session", "wrong password", "another's session"])
def test_who_has_an_account_joins_with_it_and_nobody_else_does(
    app: Flask, crowd: Crowd, owner: Client, make_organization: Callable[[str], str], way: str
) -> None:
    elsewhere = make_organization("Other")
    ada = crowd.client(crowd.member("viewer", "Ada", elsewhere))
    eve = crowd.client(crowd.member("viewer", "Eve", elsewhere))
    made = owner.data("POST", "/v1/organization/invite", {"email": "ada@example.com"}, status=201)
    path = f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}"
    assert app.test_client().get(path).get_json()["data"]["has_account"] is True
    nobody = Client(app.test_client(), "")
    client, body, status = {
        "password": (nobody, {"password": PASSWORD}, 201),
        "session": (ada, {}, 201),
        "wrong password": (nobody, {"name": "Ada", "password": OTHER}, 401),
        "another's session": (eve, {"name": "Ada", "password": OTHER}, 401),
    }[way]
    answer = client("POST", f"{path}/accept", body)
    assert answer.status_code == status, answer.get_json()
    if status == 201:
        joined = answer.get_json()["data"]
        assert joined["organization"]["name"] == "Example"
        assert (joined["token"] is None) == (way == "session")
    [member] = owner.data("GET", "/v1/organization/members")
    assert member["status"] == ("active" if status == 201 else "invited")
    assert sign_in(app, password=OTHER).status_code == 401


def test_who_was_removed_everywhere_and_comes_again_chooses_a_new_password(
    app: Flask, crowd: Crowd, owner: Client, database: Database
) -> None:
    member = crowd.member("viewer")
    owner.data("DELETE", f"/v1/organization/members/{member.id}")
    assert sign_in(app).status_code == 401
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Person)).all() == []
    made = owner.data("POST", "/v1/organization/invite", {"email": "ada@example.com"}, status=201)
    path = f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}/accept"
    assert app.test_client().post(path, json={"name": "Ada", "password": OTHER}).status_code == 201
    assert sign_in(app, password=OTHER).status_code == 201


@sqlite_only
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "Ada"}, "password"),
        ({"password": OTHER}, "name"),
        ({"name": "Ada", "password": "short"}, "password"),
        ({"name": "Ada", "password": "ada@example.com"}, "password"),
        ({"name": "Ada", "password": OTHER, "email": "eve@example.com"}, "email"),
        ({"name": "Ada", "password": OTHER, "organization": "Mine"}, "organization"),
        ({"name": "Ada", "password": OTHER, "role": "owner"}, "role"),
    ],
)
def test_an_invitation_is_taken_as_it_was_meant(app: Flask, owner: Client, body: Any, field: str) -> None:
    made = owner.data("POST", "/v1/organization/invite", {"email": "ada@example.com"}, status=201)
    path = f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}/accept"
    answer = app.test_client().post(path, json=body)
    assert answer.status_code == 422
    assert field in answer.get_json()["error"]["fields"]
    assert app.test_client().post(path, json={"name": "Ada", "password": OTHER}).status_code == 201


@sqlite_only
def test_a_cookie_opens_nothing_over_rest(app: Flask, crowd: Crowd) -> None:
    token = crowd.signed_in("owner").key
    client = app.test_client()
    for name in ("__Host-tracer_session", "tracer_session"):
        client.set_cookie(name, token, domain="localhost")
    assert client.get("/v1/account").status_code == 401

"""Members over REST: who may invite, change and remove whom, and that it counts at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api.app import create_app
from model.settings import Settings
from model.times import DAY_MS
from store.keyring import Keyring
from store.members import make_key_owner
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.write_lock import Urgency
from tests.alerts.channels.mail_sink import MailSink, mail_sink
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.people import Crowd
from tests.api.test_monitors import url_monitor

MEMBERS, INVITE = "/v1/organization/members", "/v1/organization/invite"
ADA = {"email": "Ada@Example.com", "role": "member"}
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def grace(crowd: Crowd) -> Client:
    """Signed in as an owner."""
    return crowd.signed_in("owner", "Grace")


def id_of(owner: Client, name: str) -> str:
    [found] = [member["id"] for member in owner.data("GET", MEMBERS) if member["name"] == name]
    return str(found)


def test_an_invitation_is_answered_with_its_link_once(owner: Client, clock: Any) -> None:
    answer = owner("POST", INVITE, ADA)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.get_json()["data"]
    assert (made["email"], made["role"], made["status"], made["mailed"]) == (
        "ada@example.com", "member", "invited", False,
    )  # fmt: skip
    link, _, token = made["invite_url"].rpartition("/")
    assert link == f"{PUBLIC_URL}/invite"
    shown = owner.data("GET", f"{MEMBERS}/{made['id']}")
    assert shown["invite_expires_at"] == "2024-01-22T10:30:00.000Z"
    assert shown["invited_by"] == "test"
    assert token not in owner("GET", MEMBERS).get_data(as_text=True)


def test_who_follows_the_link_is_a_member_who_may_what_the_role_allows(owner: Client, app: Flask) -> None:
    token = owner.data("POST", INVITE, {**ADA, "role": "viewer"}, status=201)["invite_url"].rpartition("/")[2]
    offered = app.test_client().get(f"/v1/invitations/{token}").get_json()["data"]
    assert (offered["organization"], offered["role"], offered["email"]) == ("Example", "viewer", "ada@example.com")
    assert offered["has_account"] is False
    joined = app.test_client().post(
        f"/v1/invitations/{token}/accept", json={"name": "Ada", "password": "four random words"}
    )
    assert joined.status_code == 201, joined.get_json()
    ada = Client(app.test_client(), joined.get_json()["data"]["token"])
    monitor = owner.data("POST", "/v1/monitors", url_monitor(), status=201)["id"]
    assert ada("GET", "/v1/monitors").status_code == 200
    for method, path, body in (
        ("POST", "/v1/monitors", url_monitor()), ("DELETE", f"/v1/monitors/{monitor}", None),
        ("POST", f"/v1/monitors/{monitor}/run", None), ("GET", "/v1/api-keys", None), ("GET", MEMBERS, None),
        ("POST", INVITE, ADA), ("PUT", "/v1/organization", {"name": "Mine"}),
    ):  # fmt: skip
        refused = ada.error(method, path, body, status=403)
        assert "viewer" in refused["message"]
    [listed] = owner.data("GET", MEMBERS)
    assert (listed["name"], listed["status"], listed["joined_at"]) == ("Ada", "active", "2024-01-15T10:30:00.000Z")
    again = app.test_client().post(f"/v1/invitations/{token}/accept", json={"name": "Eve", "password": "x" * 20})
    assert again.status_code == 404


def test_a_new_role_counts_at_once_and_so_does_removal(grace: Client, crowd: Crowd) -> None:
    member = crowd.member("member")
    ada = crowd.client(member)
    assert ada("POST", "/v1/monitors", url_monitor()).status_code == 201
    assert grace.data("PUT", f"{MEMBERS}/{member.id}", {"role": "viewer"})["role"] == "viewer"
    assert ada("POST", "/v1/monitors", url_monitor()).status_code == 403
    assert grace.data("DELETE", f"{MEMBERS}/{member.id}") == {"id": member.id, "deleted": True}
    assert ada("GET", "/v1/monitors").status_code == 401
    assert grace("GET", f"{MEMBERS}/{member.id}").status_code == 404


def test_inviting_again_ends_the_former_link_and_a_member_is_not_invited(
    owner: Client, app: Flask, crowd: Crowd
) -> None:
    first, second = (owner.data("POST", INVITE, ADA, status=201) for _ in range(2))
    assert first["id"] == second["id"]
    statuses = [
        app.test_client().get(f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}").status_code
        for made in (first, second)
    ]
    assert statuses == [404, 200]
    crowd.member("viewer", "Bob")
    assert "member already" in owner.error("POST", INVITE, {"email": "bob@example.com"}, status=409)["message"]


def test_an_invitation_taken_back_opens_nothing(owner: Client, app: Flask) -> None:
    made = owner.data("POST", INVITE, ADA, status=201)
    owner.data("DELETE", f"{MEMBERS}/{made['id']}")
    assert app.test_client().get(f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}").status_code == 404


def test_the_last_owner_stays(grace: Client, crowd: Crowd) -> None:
    own = id_of(grace, "Grace")
    assert "last owner" in grace.error("DELETE", f"{MEMBERS}/{own}", status=409)["message"]
    assert grace.error("PUT", f"{MEMBERS}/{own}", {"role": "admin"}, status=409)["code"] == "conflict"
    crowd.member("owner")
    assert grace.data("PUT", f"{MEMBERS}/{own}", {"role": "admin"})["role"] == "admin"
    assert grace.error("DELETE", f"{MEMBERS}/{id_of(grace, 'Ada')}", status=403)["code"] == "forbidden"


def test_only_an_owner_makes_or_removes_owners(grace: Client, crowd: Crowd, client_of: Any) -> None:
    owner_id, other = id_of(grace, "Grace"), crowd.member("viewer", "Bob").id
    pending = grace.data("POST", INVITE, {"email": "next@example.com", "role": "owner"}, status=201)["id"]
    admins = [crowd.signed_in("admin"), client_of("admin"), client_of("read", "run", "write", "ingest", "admin")]
    for admin in admins:
        for method, path, body in (
            ("POST", INVITE, {"email": "x@example.com", "role": "owner"}),
            ("POST", INVITE, {"email": "next@example.com", "role": "viewer"}),
            ("PUT", f"{MEMBERS}/{other}", {"role": "owner"}),
            ("PUT", f"{MEMBERS}/{owner_id}", {"role": "viewer"}),
            ("DELETE", f"{MEMBERS}/{owner_id}", None),
            ("DELETE", f"{MEMBERS}/{pending}", None),
        ):
            assert "Only an owner" in admin.error(method, path, body, status=403)["message"], (method, path)
    assert grace.data("PUT", f"{MEMBERS}/{other}", {"role": "owner"})["role"] == "owner"


def test_the_key_of_the_first_start_is_an_owner_like_others(
    owner: Client, crowd: Crowd, database: Database, client_of: Any
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        key = session.scalars(select(ApiKey)).one()
        make_key_owner(session, key, 1)
    [listed] = owner.data("GET", MEMBERS)
    assert (listed["key_id"], listed["email"], listed["role"], listed["status"]) == (key.id, None, "owner", "active")
    assert owner.error("PUT", f"{MEMBERS}/{listed['id']}", {"role": "admin"}, status=409)
    for path in (f"{MEMBERS}/{listed['id']}", f"/v1/api-keys/{key.id}"):
        assert client_of("admin")("DELETE", path).status_code == 403
        assert owner("DELETE", path).status_code == 409
    made = owner.data("POST", INVITE, {"email": "grace@example.com", "role": "owner"}, status=201)
    owner.data("PUT", f"{MEMBERS}/{made['id']}", {"role": "admin"})
    grace = crowd.signed_in("owner", "Hopper")
    grace.data("DELETE", f"/v1/api-keys/{key.id}")
    assert owner("GET", MEMBERS).status_code == 401
    assert [member["name"] for member in grace.data("GET", MEMBERS) if member["status"] == "active"] == ["Hopper"]


def test_another_organizations_members_are_not_there(
    owner: Client, crowd: Crowd, make_organization: Any, client_of: Any
) -> None:
    other = make_organization("Other")
    stranger = crowd.member("owner", "Eve", other)
    here = crowd.member("viewer")
    for client, member in ((owner, stranger), (client_of("admin", organization_id=other), here)):
        for method, body in (("GET", None), ("PUT", {"role": "viewer"}), ("DELETE", None)):
            assert client(method, f"{MEMBERS}/{member.id}", body).status_code == 404
    assert [member["name"] for member in owner.data("GET", MEMBERS)] == ["Ada"]


@sqlite_only
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "ada"}, "email"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "email"),
        ({"email": "ada@example.com", "role": "root"}, "role"),
        ({"email": "ada@example.com", "name": "\x1b[2J"}, "name"),
        ({"email": "ada@example.com", "status": "active"}, "status"),
        ({"email": "ada@example.com", "person_id": "usr_1"}, "person_id"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused_by_field(owner: Client, body: Any, field: str) -> None:
    assert field in owner.error("POST", INVITE, body, status=422)["fields"]


@sqlite_only
def test_a_member_s_other_fields_are_not_for_others_to_set(owner: Client, crowd: Crowd) -> None:
    member = crowd.member("viewer")
    for field in ("email", "name", "status", "organization_id", "person_id", "key_id", "invite_hash"):
        body = {"role": "viewer", field: "x"}
        assert field in owner.error("PUT", f"{MEMBERS}/{member.id}", body, status=422)["fields"]


@sqlite_only
def test_invitations_are_limited(owner: Client) -> None:
    statuses = [owner("POST", INVITE, {"email": f"a{n}@example.com"}).status_code for n in range(21)]
    assert statuses == [201] * 20 + [429]


def test_a_link_that_is_over_opens_nothing(owner: Client, app: Flask, clock: Any) -> None:
    made = owner.data("POST", INVITE, ADA, status=201)
    clock.advance(7 * DAY_MS)
    path = f"/v1/invitations/{made['invite_url'].rpartition('/')[2]}"
    assert app.test_client().get(path).status_code == 404
    answer = app.test_client().post(f"{path}/accept", json={"name": "Ada", "password": "four random words"})
    assert answer.status_code == 404


class TestMail:
    """With a mail server, the invitation is mailed too."""

    pytestmark = sqlite_only

    @pytest.fixture
    def sink(self) -> Iterator[MailSink]:
        with mail_sink() as made:
            yield made

    def inviting(self, database: Database, keyring: Keyring, key: str, port: int) -> Client:
        settings = Settings(
            public_url=PUBLIC_URL, smtp_url=f"smtp://127.0.0.1:{port}", smtp_from="Tracer <tracer@example.org>"
        )
        return Client(create_app(database, keyring, settings).test_client(), key)

    def test_it_holds_the_link_and_whose_it_is(
        self, database: Database, keyring: Keyring, owner: Client, sink: MailSink
    ) -> None:
        client = self.inviting(database, keyring, owner.key, sink.port)
        client.data("PUT", "/v1/organization", {"name": "Team <b>Search"})
        made = client.data("POST", INVITE, ADA, status=201)
        assert made["mailed"] is True
        [message] = sink.received
        assert message["To"] == "ada@example.com"
        assert message["Subject"] == "Invitation to Team <b>Search on Tracer"
        assert made["invite_url"] in message.get_content()
        assert "test invites you" in message.get_content()

    def test_a_mail_that_can_not_be_sent_is_a_warning_and_the_link_works(
        self, database: Database, keyring: Keyring, owner: Client, app: Flask, sink: MailSink
    ) -> None:
        sink.refuse["ada@example.com"] = "550 no such mailbox"
        answer = self.inviting(database, keyring, owner.key, sink.port)("POST", INVITE, ADA)
        made = answer.get_json()
        assert (answer.status_code, made["data"]["mailed"]) == (201, False)
        assert "pass the link on yourself" in made["meta"]["warnings"][0]
        token = made["data"]["invite_url"].rpartition("/")[2]
        assert app.test_client().get(f"/v1/invitations/{token}").status_code == 200

"""/v1/variables: secrets of the organization that go in and never come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from store.journey_tables import OrganizationVariable
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.variables import variables_of
from tests.api.conftest import Client
from tests.conftest import Clock

MASKED = "********"


def make(client: Client, name: str = "PASSWORD", value: str = "s3cret-value") -> Any:
    return client.data("POST", "/v1/variables", {"name": name, "value": value}, status=201)


def value_of(database: Database, keyring: Keyring, organization: str, name: str = "PASSWORD") -> str | None:
    with database.read(EVERY_ORGANIZATION) as session:
        return variables_of(session, keyring, organization, [name]).get(name)


def test_a_value_is_never_told_and_lies_encrypted(
    owner: Client, database: Database, keyring: Keyring, organization: str
) -> None:
    made = make(owner)
    assert made["id"].startswith("var_")
    assert (made["name"], made["value"]) == ("PASSWORD", MASKED)
    for path in ("", "/PASSWORD", f"/{made['id']}"):
        assert "s3cret-value" not in owner("GET", f"/v1/variables{path}").get_data(as_text=True)
    with database.read(EVERY_ORGANIZATION) as session:
        assert b"s3cret-value" not in session.scalars(select(OrganizationVariable.value)).one()
    assert value_of(database, keyring, organization) == "s3cret-value"


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_variable_is_found_by_id_and_by_name(
    owner: Client, database: Database, keyring: Keyring, organization: str, by: str
) -> None:
    made = make(owner)
    path = f"/v1/variables/{made[by]}"
    assert owner.data("GET", path)["id"] == made["id"]
    owner.data("PUT", path, {"value": "another"})
    assert value_of(database, keyring, organization) == "another"
    owner.data("PUT", path, {"value": MASKED})
    assert value_of(database, keyring, organization) == "another"
    assert owner.data("DELETE", path) == {"id": made["id"], "deleted": True}
    assert owner("GET", path).status_code == 404
    assert value_of(database, keyring, organization) is None


def test_a_name_is_taken_once(owner: Client) -> None:
    make(owner)
    error = owner.error("POST", "/v1/variables", {"name": "PASSWORD", "value": "x"}, status=409)
    assert "PUT /v1/variables/PASSWORD" in error["message"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "NOT A NAME", "value": "x"}, "name"), ({"name": "1A", "value": "x"}, "name"),
        ({"name": "A", "value": 5}, "value"), ({"name": "A"}, "value"), ({"name": "A", "value": MASKED}, "value"),
        ({"name": "A", "value": "x" * 10_001}, "value"), ({"name": "A", "value": "x", "id": "var_1"}, "id"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field(owner: Client, body: dict[str, Any], path: str) -> None:
    assert owner.error("POST", "/v1/variables", body, status=422)["fields"].keys() == {path}


def test_lists_are_newest_first_in_pages(owner: Client, clock: Clock) -> None:
    for name in ("A", "B", "C"):
        make(owner, name)
        clock.advance(1)
    answer = owner("GET", "/v1/variables?per_page=2").get_json()
    assert [row["name"] for row in answer["data"]] == ["C", "B"]
    assert answer["meta"]["total"] == 3


def test_another_organization_has_names_of_its_own(
    owner: Client,
    client_of: Callable[..., Client],
    make_organization: Callable[[str], str],
    database: Database,
    keyring: Keyring,
    organization: str,
) -> None:
    made = make(owner)
    stranger = client_of("admin", organization_id=make_organization("Other"))
    for path in (made["id"], "PASSWORD"):
        assert stranger("GET", f"/v1/variables/{path}").status_code == 404
        assert stranger("PUT", f"/v1/variables/{path}", {"value": "x"}).status_code == 404
        assert stranger("DELETE", f"/v1/variables/{path}").status_code == 404
    make(stranger, value="theirs")
    assert value_of(database, keyring, organization) == "s3cret-value"

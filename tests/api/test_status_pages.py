"""/v1/status-pages and updates: made, changed, listed, deleted; refused field by field; nobody else's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from store.sessions import Database
from tests.api.conftest import Client, MakeKey
from tests.api.status_world import PAGES, StatusWorld, status_world
from tests.conftest import Clock

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def world(owner: Client, database: Database, organization: str, clock: Clock) -> StatusWorld:
    made = status_world(owner, database, organization, clock.now_ms)
    clock.advance(150_000)
    return made


def encoded(content: bytes) -> dict[str, str]:
    return {"content_base64": base64.b64encode(content).decode()}


def test_a_page_is_made_shown_changed_listed_and_deleted(world: StatusWorld) -> None:
    owner, path = world.owner, f"{PAGES}/{world.page}"
    shown = owner.data("GET", path)
    shop, checkout, search = (world.checks[name] for name in ("Shop", "Checkout", "Search"))
    assert shown["groups"] == [
        {"name": "Front", "checks": [shop, {"id": checkout, "name": "Paying"}]},
        {"name": "Back", "checks": [search]},
    ]
    assert (shown["url"], shown["public"], shown["logo"], shown["subscribers"]) == (
        "https://tracer.example/status/acme", True, None, 0,
    )  # fmt: skip
    change = {"title": "Acme shop", "logo": encoded(PNG), "colours": {"accent": "#FF0000"}}
    changed = owner.data("PUT", path, change)
    assert changed == {
        **shown, "title": "Acme shop", "colours": {"brand": None, "accent": "#ff0000"},
        "updated_at": changed["updated_at"],
        "logo": {"content_type": "image/png", "size_bytes": len(PNG), "url": shown["url"] + "/logo"},
    }  # fmt: skip
    assert owner.data("PUT", path, {"public": False})["logo"] == changed["logo"]
    assert owner.data("PUT", path, {"logo": None})["logo"] is None
    listed = owner("GET", PAGES).get_json()
    assert ([page["id"] for page in listed["data"]], listed["meta"]["total"]) == ([world.page], 1)
    assert owner.data("DELETE", path) == {"id": world.page, "deleted": True}
    owner.error("GET", path, status=404)
    owner.data("POST", PAGES, {"slug": "acme", "title": "Again"}, status=201)


@sqlite_only
@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"slug": "No Caps"}, "slug"),
        ({"slug": "-a"}, "slug"),
        ({"slug": "a" * 65}, "slug"),
        ({"title": ""}, "title"),
        ({"public": "yes"}, "public"),
        ({"groups": [{"name": "G", "checks": ["mon_0123456789"]}]}, "groups.0.checks.0"),
        ({"groups": [{"name": "G", "checks": [{"id": "{shop}", "name": ""}]}]}, "groups.0.checks.0.name"),
        ({"groups": [{"name": "G", "checks": ["{shop}", "{shop}"]}]}, "groups.0.checks.1"),
        ({"groups": [{"checks": []}]}, "groups.0.name"),
        ({"colours": {"accent": "red"}}, "colours.accent"),
        ({"colours": {"ink": "#000000"}}, "colours.ink"),
        ({"logo": encoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>")}, "logo.content_base64"),
        ({"logo": encoded(b"<html><script>alert(1)</script>")}, "logo.content_base64"),
        ({"logo": encoded(PNG + bytes(300_000))}, "logo.content_base64"),
        ({"logo": {"content_base64": "?"}}, "logo.content_base64"),
        ({"logo": {"url": "https://elsewhere.example/logo.png"}}, "logo.url"),
        ({"subscribers": 3}, "subscribers"),
        ({"theme": "x"}, "theme"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_field(world: StatusWorld, given: dict[str, Any], where: str) -> None:
    shop = world.checks["Shop"]
    body: Any = _put({"slug": "other", "title": "Other", **given}, "{shop}", shop)
    fields = world.owner.error("POST", PAGES, body, status=422)["fields"]
    assert any(path.startswith(where) for path in fields), fields
    world.owner.error("PUT", f"{PAGES}/{world.page}", _put(given, "{shop}", shop), status=422)


def _put(value: Any, mark: str, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _put(inner, mark, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_put(inner, mark, text) for inner in value]
    return text if value == mark else value


def test_a_slug_is_one_pages(
    world: StatusWorld, app: Flask, make_key: MakeKey, make_organization: Callable[[str], str]
) -> None:
    other = Client(app.test_client(), make_key(organization_id=make_organization("Other")))
    fields = other.error("POST", PAGES, {"slug": "acme", "title": "Mine"}, status=422)["fields"]
    assert list(fields) == ["slug"]
    mine = other.data("POST", PAGES, {"slug": "mine", "title": "Mine"}, status=201)
    assert "taken" in other.error("PUT", f"{PAGES}/{mine['id']}", {"slug": "acme"}, status=422)["fields"]["slug"][0]
    shop = world.checks["Shop"]
    groups = [{"name": "G", "checks": [shop]}]
    assert "no check" in other.error("PUT", f"{PAGES}/{mine['id']}", {"groups": groups}, status=422)["message"] + str(
        other.error("PUT", f"{PAGES}/{mine['id']}", {"groups": groups}, status=422)["fields"]
    )
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/updates"), ("POST", "/updates")):
        body = {"status": "monitoring", "message": "x"} if path else {}
        sent = body if method in ("PUT", "POST") else None
        other.error(method, f"{PAGES}/{world.page}{path}", sent, status=404)


def test_updates_make_an_incident_that_goes_on_until_it_is_resolved(world: StatusWorld, clock: Clock) -> None:
    first = world.post(message="Paying fails.\nMore soon.", components=[world.checks["Checkout"]])
    assert (first["title"], first["incident_status"], first["by"]) == ("Paying fails.", "investigating", "test")
    clock.advance(60_000)
    second = world.post("identified", "It is the database.")
    assert (second["incident_id"], second["began_at"]) == (first["incident_id"], first["began_at"])
    clock.advance(60_000)
    third = world.post("resolved", "All is well.")
    assert (third["incident_id"], third["incident_status"]) == (first["incident_id"], "resolved")
    assert third["resolved_at"] == third["at"]
    clock.advance(60_000)
    assert world.post()["incident_id"] != first["incident_id"]
    path = f"{PAGES}/{world.page}/updates"
    listed = world.owner("GET", path).get_json()
    assert [update["status"] for update in listed["data"]] == [
        "investigating",
        "resolved",
        "identified",
        "investigating",
    ]
    assert listed["meta"]["total"] == 4
    assert world.owner.data("PUT", f"{path}/{second['id']}", {"message": "It was the cache."})["edited_at"] is not None
    world.owner.data("DELETE", f"{path}/{third['id']}")
    left = world.owner.data("GET", f"{path}/{second['id']}")
    assert (left["incident_status"], left["resolved_at"], left["message"]) == ("identified", None, "It was the cache.")


def test_of_several_incidents_an_update_names_one(world: StatusWorld) -> None:
    first, second = world.post(incident="new", title="One"), world.post(title="Two")
    path = f"{PAGES}/{world.page}/updates"
    body = {"status": "resolved", "message": "Over."}
    assert "One" in world.owner.error("POST", path, body, status=422)["fields"]["incident"][0]
    assert world.post("resolved", incident=first["incident_id"])["title"] == "One"
    assert world.post("resolved")["incident_id"] == second["incident_id"]


@sqlite_only
@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"status": "fine"}, "status"),
        ({"message": " \n"}, "message"),
        ({"message": "x" * 5_001}, "message"),
        ({"message": "a\x00b"}, "message"),
        ({"incident": "pinc_0123456789"}, "incident"),
        ({"incident": "x"}, "incident"),
        ({"components": ["{secret}"]}, "components.0"),
        ({"mood": "x"}, "mood"),
    ],
)
def test_an_update_that_does_not_fit_is_refused_by_field(world: StatusWorld, given: dict[str, Any], where: str) -> None:
    body = {"status": "investigating", "message": "m", **_put(given, "{secret}", world.checks["Payroll"])}
    assert where in world.owner.error("POST", f"{PAGES}/{world.page}/updates", body, status=422)["fields"]


def test_a_check_that_is_deleted_leaves_the_page(world: StatusWorld) -> None:
    world.owner.data("DELETE", f"/v1/monitors/{world.checks['Shop']}")
    page = world.owner.client.get("/status/acme.json").get_json()
    assert [one["name"] for group in page["groups"] for one in group["components"]] == ["Paying", "Search"]
    world.owner.data("PUT", f"{PAGES}/{world.page}", {"title": "Acme 2"})  # it does not stand in the way

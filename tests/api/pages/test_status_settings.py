"""/settings/status-pages: made, changed, rearranged, deleted by forms; updates in a few taps."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.world import Browser
from tests.api.status_world import PAGES, StatusWorld, status_world
from tests.conftest import Clock

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
HERE = "/settings/status-pages"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def world(owner: Client, database: Database, organization: str, clock: Clock) -> StatusWorld:
    made = status_world(owner, database, organization, clock.now_ms)
    clock.advance(150_000)
    return made


def form(**fields: Any) -> dict[str, Any]:
    return {
        "do": "save", "title": "Shop", "slug": "shop", "public": "yes", "row_check": ["Shop", "Checkout", ""],
        "row_name": ["", "Paying", ""], "row_group": ["Front", "Back", ""], **fields,
    }  # fmt: skip


def test_a_page_is_made_changed_and_deleted_by_its_form(world: StatusWorld, signed_in: Browser) -> None:
    made = signed_in.send(f"{HERE}/new", f"{HERE}/new", **form(logo=(io.BytesIO(PNG), "logo.png")))
    assert made.status_code == 303, made.get_data(as_text=True)
    [shown] = [page for page in world.owner.data("GET", PAGES) if page["slug"] == "shop"]
    assert shown["groups"] == [
        {"name": "Front", "checks": [world.checks["Shop"]]},
        {"name": "Back", "checks": [{"id": world.checks["Checkout"], "name": "Paying"}]},
    ]
    assert shown["logo"]["content_type"] == "image/png"
    edit = f"{HERE}/{shown['id']}"
    seen = signed_in.get(edit)
    assert [tag["value"] for tag in seen.all("input") if tag.get("name") == "row_check"] == ["Shop", "Checkout"]
    changed = form(title="Mine", brand="#123456", row_check=["Search"], row_name=[""], row_group=[""], public="no")
    assert "saved" in signed_in.get(signed_in.send(edit, edit, **changed).headers["Location"]).text
    shown = world.owner.data("GET", f"{PAGES}/{shown['id']}")
    assert (shown["title"], shown["public"], shown["colours"]["brand"]) == ("Mine", False, "#123456")
    assert shown["logo"] is not None
    signed_in.send(edit, edit, **form(no_logo="yes"))
    assert world.owner.data("GET", f"{PAGES}/{shown['id']}")["logo"] is None
    assert "Mine" not in signed_in.get(HERE).text
    signed_in.send(edit, f"{edit}/delete")
    assert [page["slug"] for page in world.owner.data("GET", PAGES)] == ["acme"]


@sqlite_only
def test_without_mail_its_owner_is_told_that_nobody_can_subscribe(world: StatusWorld, signed_in: Browser) -> None:
    for path in (HERE, f"{HERE}/new", f"{HERE}/{world.page}"):
        assert "Mail is not set up here" in signed_in.get(path).text


@sqlite_only
def test_what_does_not_fit_stands_beside_its_field_and_nothing_typed_is_lost(
    world: StatusWorld, signed_in: Browser
) -> None:
    given = form(slug="No", title="", accent="red", row_check=["Shop", "Nowhere", "Shop"], row_name=["", "Kept", ""],
                 row_group=["A", "A", "B"])  # fmt: skip
    answer = signed_in.send(f"{HERE}/new", f"{HERE}/new", **given)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "is no check here" in text
    for name in ("slug", "title", "accent"):
        assert f'id="about-{name}"' in text, f"{name}, beside a check that is none"
    given["row_check"] = ["Shop", "Checkout", "Shop"]
    text = signed_in.send(f"{HERE}/new", f"{HERE}/new", **given).get_data(as_text=True)
    for said in (
        "Address must be 1 to 64 small letters",
        "Title must not be empty",
        "must be a colour",
        'value="Kept"',
        'value="red"',
    ):
        assert said in text, said
    given = form(row_check=["Shop", "Shop"], row_name=["", ""], row_group=["A", "B"])
    assert "is on the page already" in signed_in.send(f"{HERE}/new", f"{HERE}/new", **given).get_data(as_text=True)
    taken = signed_in.send(f"{HERE}/new", f"{HERE}/new", **form(slug="acme")).get_data(as_text=True)
    assert "is taken by another page" in taken
    svg = form(logo=(io.BytesIO(b"<svg/>"), "logo.png"))
    assert "must be a PNG" in signed_in.send(f"{HERE}/new", f"{HERE}/new", **svg).get_data(as_text=True)
    assert len(world.owner.data("GET", PAGES)) == 1


@sqlite_only
@pytest.mark.parametrize(
    ("deed", "left"),
    [
        ("add", ["Shop", "Checkout", "", ""]),
        ("up:1", ["Checkout", "Shop", ""]),
        ("down:0", ["Checkout", "Shop", ""]),
        ("remove:0", ["Checkout", ""]),
        ("remove:9", ["Shop", "Checkout", ""]),
        ("up:x", ["Shop", "Checkout", ""]),
    ],
)
def test_rows_are_rearranged_without_a_script(signed_in: Browser, deed: str, left: list[str]) -> None:
    answer = signed_in.send(f"{HERE}/new", f"{HERE}/new", **form(do=deed))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert [part.split('"')[0] for part in text.split('name="row_check" list="checks" value="')[1:]] == left


def test_an_update_is_posted_in_a_few_taps(world: StatusWorld, signed_in: Browser) -> None:
    updates = f"{HERE}/{world.page}/updates"
    seen = signed_in.get(updates)
    boxes = {tag["value"]: "checked" in tag for tag in seen.all("input") if tag.get("name") == "components"}
    assert boxes == {world.checks[name]: name == "Checkout" for name in ("Shop", "Checkout", "Search")}
    first = {"incident": "new", "status": "investigating", "message": "Cards fail.",
             "components": [world.checks["Checkout"]]}  # fmt: skip
    assert signed_in.send(updates, updates, **first).status_code == 303  # type: ignore[arg-type]
    [shown] = world.owner.data("GET", f"{PAGES}/{world.page}/updates")
    assert (shown["title"], shown["components"]) == ("Cards fail.", [world.checks["Checkout"]])
    blank = signed_in.send(updates, updates, incident=shown["incident_id"], status="identified", message=" ")
    assert (blank.status_code, "The message" in blank.get_data(as_text=True)) == (422, True)
    signed_in.send(updates, updates, incident=shown["incident_id"], status="resolved", message="Cards work.")
    assert "Posted" in signed_in.get(f"{updates}?done=posted").text
    last = world.owner.data("GET", f"{PAGES}/{world.page}/updates")[0]
    assert (last["incident_id"], last["incident_status"]) == (shown["incident_id"], "resolved")
    for words, status in ((" ", 422), ("Cards work again.", 303)):
        assert signed_in.send(updates, f"{updates}/{last['id']}", message=words).status_code == status
    changed = world.owner.data("GET", f"{PAGES}/{world.page}/updates")[0]
    assert (changed["message"], changed["edited_at"] is not None) == ("Cards work again.", True)
    signed_in.send(updates, f"{updates}/{last['id']}/delete")
    assert len(world.owner.data("GET", f"{PAGES}/{world.page}/updates")) == 1


@sqlite_only
def test_who_may_not_write_has_no_such_tab(world: StatusWorld, enter: Callable[..., Browser]) -> None:
    viewer = enter("viewer")
    assert "Status pages" not in viewer.get("/account").text
    viewer.get(HERE, status=403)

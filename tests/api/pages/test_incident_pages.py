"""/incidents and /incidents/:id: failures that are one, what they happened to, and what people say of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api.services import Services, install
from model.settings import Settings
from store.fix_tables import IncidentFix
from store.keyring import Keyring
from store.sessions import Database
from store.write_lock import Urgency
from telemetry.agents.regressing.work import Regressing
from telemetry.agents.told import Uniting
from tests.api.conftest import Client
from tests.api.pages.world import Browser
from tests.conftest import Clock
from tests.telemetry.agents.incidents import add_journey, record_runs, walk
from tests.telemetry.agents.running import append, begin
from tests.telemetry.agents.running import event as happened
from tests.telemetry.reporting import make_project

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
HERE = "/incidents"


def fail(owner: Client, session_id: str = "trace_1", text: str = "Room is taken", **fields: Any) -> str:
    """A run of an agent that ends with this error; its incident's id."""
    begin(owner, session_id=session_id, **fields)
    append(owner, happened(1, "error", payload={"message": text}), to=session_id, status=201)
    return str(owner("POST", f"/api/traces/{session_id}/analyze").get_json()["incident_id"])


def test_a_first_visit_says_what_will_stand_here(signed_in: Browser) -> None:
    assert "Nothing has failed yet" in signed_in.get(HERE).text


def test_the_board_shows_each_incident_where_it_stands(signed_in: Browser, owner: Client) -> None:
    first = fail(owner)
    assert fail(owner, "trace_2") == first
    second = fail(owner, "trace_3", "The bill is wrong")
    owner("PATCH", f"/api/incidents/{second}", {"status": "fixed"})
    text = signed_in.get(HERE).text
    assert "1 open and 1 fixed" in text
    shown = text.split("Open 1")[1]
    assert shown.index("room is taken") < shown.index("2 runs of agents") < shown.index("Fixed 1")
    assert "the bill is wrong" in shown.split("Fixed 1")[1]
    only = signed_in.get(f"{HERE}?status=fixed").text
    assert "the bill is wrong" in only
    assert "room is taken" not in only
    assert "None." in signed_in.get(f"{HERE}?status=open&label=tool_loop").text
    assert signed_in.get(f"{HERE}?status=nonsense", status=422)


def test_a_column_that_is_full_leads_to_its_list_and_that_to_its_end(signed_in: Browser, owner: Client) -> None:
    for number in range(52):
        fail(owner, f"trace_{number}", f"No {'abcdefghijklmnopqrstuvwxyz'[number % 26]}{'xy'[number // 26]} left")
    assert "20+ open" in signed_in.get(HERE).text
    first = signed_in.get(f"{HERE}?status=open")
    [older] = [link.get("href") for link in first.all("a") if "cursor=" in (link.get("href") or "")]
    assert older is not None
    assert first.text.count(" left") >= 50
    assert "2 open" in signed_in.get(older).text


def test_an_incident_names_all_that_it_happened_to(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    """A run of an agent and a journey that met the same error at the same address."""
    journey = add_journey(database, organization)
    record_runs(database, walk(organization, journey, 1), walk(organization, journey, 2))
    Uniting(database).work()
    [incident] = owner("GET", "/api/incidents").get_json()["incidents"]
    seen = signed_in.get(f"{HERE}/{incident['id']}")
    assert "1 journey" in seen.text
    assert "2 runs failed so" in seen.text
    links = {link.get("href") for link in seen.all("a")}
    assert {f"/journeys/{journey}", f"/runs/{incident['checks'][0]['newest_run_id']}"} <= links
    mine = fail(owner)
    seen = signed_in.get(f"{HERE}/{mine}")
    assert "1 run of an agent" in seen.text
    assert "/agents/trace_1" in {link.get("href") for link in seen.all("a")}


def test_people_say_how_it_stands_and_whose_it_is(
    signed_in: Browser, owner: Client, enter: Callable[..., Browser], clock: Clock
) -> None:
    incident = fail(owner)
    path = f"{HERE}/{incident}"
    grace = enter("admin", "Grace")
    member = next(
        each["id"] for each in owner.data("GET", "/v1/organization/members") if each["email"] == "grace@example.com"
    )
    fields = {"status": "investigating", "owner": member, "note": "I have <b>it</b>"}
    assert grace.send(path, path, **fields).status_code == 303
    text = signed_in.get(path).text
    for part in ("Investigating", "grace@example.com", "Grace: open, now investigating", "I have <b>it</b>"):
        assert part in text, part
    assert "grace@example.com" in signed_in.get(HERE).text
    assert grace.send(path, path, status="fixed", owner="").status_code == 303
    found = owner("GET", f"/api/incidents/{incident}").get_json()
    assert (found["status"], found["owner"]) == ("fixed", None)
    clock.advance(1)
    fail(owner, "trace_2")
    assert "It came back after it was called fixed" in signed_in.get(path).text


@sqlite_only
@pytest.mark.parametrize(
    ("wrong", "field"), [({"status": "done"}, "Status"), ({"owner": "nobody@example.com"}, "Owner")]
)
def test_what_makes_no_sense_is_refused_beside_its_field_and_the_note_is_kept(
    signed_in: Browser, owner: Client, wrong: dict[str, str], field: str
) -> None:
    path = f"{HERE}/{fail(owner)}"
    answer = signed_in.send(path, path, **{"status": "fixed", "owner": "", "note": "my <words>", **wrong})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f'role="alert" id="about-{field.lower()}">{field}' in text
    assert "my &lt;words&gt;" in text


def test_a_viewer_reads_and_changes_nothing(owner: Client, enter: Callable[..., Browser]) -> None:
    path = f"{HERE}/{fail(owner)}"
    viewer = enter("viewer", "Linus")
    assert "How it stands" not in viewer.get(path).text
    assert viewer.post(path, {"status": "fixed"}).status_code == 403
    assert viewer.get(f"{HERE}/inc_01hm6aqh20z1g8qzwtkn10", status=404)


def test_a_fix_is_asked_for_and_shown_with_why_it_has_no_diff(signed_in: Browser, owner: Client) -> None:
    path = f"{HERE}/{fail(owner)}"
    assert "Nobody has asked for one" in signed_in.get(path).text
    assert signed_in.send(path, f"{path}/fix").status_code == 303
    text = signed_in.get(path).text
    for part in ("Fallback", "TRACER_FIX_COMMAND", "Ask again", "No diff was found: a fallback plan"):
        assert part in text, part
    plan = owner("GET", f"/api/incidents/{path.rpartition('/')[2]}").get_json()["fix"]["plan"]
    assert all(step in text for step in plan)


def test_a_diff_that_was_proposed_is_drawn(
    signed_in: Browser, owner: Client, database: Database, organization: str
) -> None:
    path = f"{HERE}/{fail(owner)}"
    signed_in.send(path, f"{path}/fix")
    with database.write(organization, Urgency.PEOPLE) as session:
        [fix] = session.scalars(select(IncidentFix))
        fix.status, fix.diff, fix.revision = (
            "proposed",
            "--- a/<b>.py\n+++ b/<b>.py\n@@ -1 +1 @@\n-<i>\n+<u>\n",
            "ab" * 20,
        )
    seen = signed_in.get(path)
    assert "<b>.py" in seen.text
    assert [row.get("class") for row in seen.all("tr")] == ["is-hunk", "is-removed", "is-added"]
    assert "abababababab" in seen.text


def test_earlier_fixes_are_folded_below_the_newest_with_their_diffs(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    path = f"{HERE}/{fail(owner)}"
    signed_in.send(path, f"{path}/fix")
    assert "earlier" not in signed_in.get(path).text
    with database.write(organization, Urgency.PEOPLE) as session:
        [fix] = session.scalars(select(IncidentFix))
        many = "".join(f"+{number}\n" for number in range(400))
        fix.status, fix.diff = "proposed", f"--- a/x.py\n+++ b/x.py\n@@ -1 +1,401 @@\n-old\n+new\n{many}"
        known = fix.id
    clock.advance(1_000)
    signed_in.send(path, f"{path}/fix")
    text = signed_in.get(path).text
    newest, _, folded = text.partition("1 earlier")
    assert "Fallback" in newest.partition("Is it over")[0]
    for part in ("Proposed", "x.py", "new", "more lines", f"/fixes/{known}"):
        assert part in folded, part


def test_a_proof_is_asked_for_once_at_a_time(signed_in: Browser, owner: Client) -> None:
    path = f"{HERE}/{fail(owner)}"
    assert signed_in.send(path, f"{path}/regression").status_code == 303
    assert "Being proven" in signed_in.get(path).text
    token = signed_in.answer(path).get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
    answer = signed_in.post(f"{path}/regression", {"form_token": token})
    assert answer.status_code == 409
    assert "is running" in answer.get_data(as_text=True)


def test_that_it_is_being_proven_is_said_until_it_is(
    signed_in: Browser, owner: Client, database: Database, clock: Clock
) -> None:
    path = f"{HERE}/{fail(owner)}"
    assert "It is being proven" not in signed_in.get(path).text
    signed_in.send(path, f"{path}/regression")
    after = f"{path}?done=regression"
    assert "It is being proven" in signed_in.get(after).text
    assert 'data-live-every="1000"' in signed_in.answer(after).get_data(as_text=True), "the page is in a hurry"
    clock.advance(1_000)
    Regressing(database).work()
    text = signed_in.get(after).text
    assert "It is being proven" not in text
    assert "data-live-every" not in signed_in.answer(after).get_data(as_text=True)
    assert "It shows again in session trace_1" in text


@pytest.fixture
def with_command(app: Flask, database: Database, keyring: Keyring, settings: Settings) -> None:
    install(app, Services(database, keyring, settings.model_copy(update={"fix_command": "fix"})))


def give_repositories(owner: Client, *slugs: str) -> list[str]:
    """Projects that have one; their ids."""
    made = [make_project(owner, slug).project["project_id"] for slug in slugs]
    for slug in slugs:
        answer = owner("PUT", f"/v1/projects/{slug}", {"repository": f"https://git.example.com/{slug}.git"})
        assert answer.status_code == 200, answer.get_data(as_text=True)
    return made


@pytest.mark.usefixtures("with_command")
def test_whose_repository_is_meant_is_chosen_where_several_projects_have_one(
    signed_in: Browser, owner: Client, clock: Clock
) -> None:
    incident = fail(owner)
    path = f"{HERE}/{incident}"
    assert "No project has a repository yet" in signed_in.get(path).text
    bakery, shop = give_repositories(owner, "bakery", "shop")
    text = signed_in.get(path).text
    assert "choose a project" in text
    assert text.index("bakery.git") < text.index("shop.git")
    values = [one.get("value") for one in signed_in.get(path).all("option")]
    assert {bakery, shop} <= set(values)

    assert signed_in.send(path, f"{path}/fix").status_code == 303
    fix = owner("GET", f"/api/incidents/{incident}").get_json()["fix"]
    assert (fix["status"], "`project_id`" in fix["reason"]) == ("fallback", True), "none was chosen: it says what to do"
    clock.advance(1_000)
    assert signed_in.send(path, f"{path}/fix", project_id=shop).status_code == 303
    fix = owner("GET", f"/api/incidents/{incident}").get_json()["fix"]
    assert (fix["status"], fix["project_id"]) == ("running", shop)


@pytest.mark.usefixtures("with_command")
def test_the_repository_of_the_run_that_failed_last_stands_first_in_the_choice(
    signed_in: Browser, owner: Client
) -> None:
    _, shop = give_repositories(owner, "bakery", "shop")
    path = f"{HERE}/{fail(owner, project_id='shop')}"
    chosen = [one.get("value") for one in signed_in.get(path).all("option") if "selected" in one]
    assert shop in chosen


@sqlite_only
@pytest.mark.usefixtures("with_command")
def test_a_project_that_is_gone_or_has_none_is_refused_beside_the_choice(signed_in: Browser, owner: Client) -> None:
    give_repositories(owner, "bakery", "shop")
    make_project(owner, "plain")
    path = f"{HERE}/{fail(owner)}"
    for named in ("proj_0000000000", "plain"):
        answer = signed_in.send(path, f"{path}/fix", project_id=named)
        assert answer.status_code == 422
        assert 'id="about-project_id">Whose repository' in answer.get_data(as_text=True)

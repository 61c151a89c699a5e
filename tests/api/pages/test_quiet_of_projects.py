"""Silences and maintenance of a project: chosen in their forms, and said in words."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser
from tests.conftest import Clock
from tests.telemetry.reporting import make_project

RULES, SILENCES, WINDOWS = "/alerts/rules", "/alerts/silences", "/settings/maintenance"


def test_quiet_times_of_a_project_are_chosen_in_their_forms_and_said_in_words(
    signed_in: Browser, owner: Client, outage: Outage, clock: Clock
) -> None:
    fields = {"covers": "some", "lasts": "28800"}
    plan = {"name": "Upgrade", "kind": "cron", "cron": "0 3 * * *", "duration": "30 min", "timezone": "UTC"}
    assert 'name="projects"' not in signed_in.get(SILENCES).text + signed_in.get(f"{WINDOWS}/new").text
    project = make_project(owner, "truecom").project["project_id"]
    make_project(owner, "blog")
    assert signed_in.send(SILENCES, SILENCES, **fields, projects=project).status_code == 303
    both = {**fields, "projects": project, "checks": outage.check_id}
    assert signed_in.send(f"{SILENCES}?project={project}", SILENCES, **both).status_code == 303
    assert signed_in.send(f"{WINDOWS}/new", WINDOWS, **plan, covers="some", projects=project).status_code == 303
    silences = owner.data("GET", "/v1/silences")
    [window] = owner.data("GET", "/v1/maintenance-windows")
    assert [each["match"]["projects"] for each in silences] == [[project], [project]]
    assert window["apply_to"]["projects"] == [project]
    seen = signed_in.get(SILENCES).text
    assert "Events of Truecom" in seen
    assert "Orders API, and events of Truecom" in seen
    assert "Covers events of Truecom" in signed_in.get(WINDOWS).text

    def chosen(path: str) -> list[Any]:
        boxes = [tag for tag in signed_in.get(path).all("input") if tag.get("name") == "projects"]
        assert len(boxes) == 2
        return [tag.get("value") for tag in boxes if "checked" in tag]

    assert chosen(f"{SILENCES}?project={project}") == chosen(f"{WINDOWS}/{window['id']}") == [project]
    assert 'name="projects"' not in signed_in.get(f"{RULES}/new").text
    owner("DELETE", "/v1/projects/truecom")
    assert chosen(f"{WINDOWS}/{window['id']}") == [project], "and it stays so when the form is saved"
    path = f"{WINDOWS}/{window['id']}"
    assert signed_in.send(path, path, **plan, covers="some", projects=project).status_code == 303
    refused = signed_in.send(f"{WINDOWS}/new", WINDOWS, **plan, covers="some", projects=project)
    assert (refused.status_code, "there is no project" in refused.get_data(as_text=True)) == (422, True)

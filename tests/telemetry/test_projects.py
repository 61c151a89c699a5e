"""Projects: what they are called, their keys, and what can't be one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.conftest import Client, MakeKey
from tests.telemetry.reporting import Reports, event, make_project


def test_a_project_is_found_by_number_slug_and_id(reports: Reports, owner: Client) -> None:
    shown = reports.project
    assert shown["keys"][0]["dsn"] == f"https://{reports.key}@tracer.example/v1/ingest"
    assert (shown["quota"], shown["retention_days"]) == ({"events": None, "traces": None}, 90)
    reports.events(event("a"))
    for name in (shown["id"], shown["slug"], shown["project_id"]):
        assert owner("GET", f"/v1/projects/{name}").get_json()["project_id"] == shown["project_id"]
        found = owner("GET", "/v1/query", query_string={"project": name}).get_json()["events"]
        assert [one["event_id"] for one in found] == ["a"]
    assert [project["id"] for project in owner("GET", "/v1/projects").get_json()] == [shown["id"]]


def test_numbers_are_unique_in_all_of_tracer_and_slugs_in_an_organization(
    reports: Reports, owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    stranger = client_of("write", organization_id=make_organization("Other"))
    assert make_project(stranger).project["id"] != reports.project["id"]
    answer = owner("POST", "/v1/projects", {"name": "Again", "slug": "truecom"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "conflict")
    make_project(owner, "shop")
    assert owner("PUT", "/v1/projects/shop", {"slug": "truecom"}).status_code == 409
    assert stranger("GET", f"/v1/projects/{reports.project['id']}").status_code == 404
    assert stranger("GET", f"/v1/query?project={reports.project['id']}").status_code == 403
    assert stranger("GET", "/v1/query?project=999").status_code == 403


def test_a_change_changes_what_it_names(reports: Reports, owner: Client) -> None:
    changed = reports.put("/v1/projects/truecom", {"quota": {"events": 5}, "slug": "shop", "retention_days": 7})
    assert (changed["slug"], changed["quota"], changed["retention_days"], changed["name"]) == (
        "shop", {"events": 5, "traces": None}, 7, "Truecom",
    )  # fmt: skip
    assert owner("GET", "/v1/projects/truecom").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"}, {"name": "x", "slug": "12"}, {"name": "x", "slug": "A"}, {"name": "x", "slug": "-a"},
        {"name": "x", "slug": "a b"}, {"name": "", "slug": "a"}, {"name": "x", "slug": "a", "quota": {"events": -1}},
        {"name": "x", "slug": "a", "retention_days": 0}, {"name": "x", "slug": "a", "colour": "red"},
        {"name": "x", "slug": "proj_0123456789"},
        {"name": "x", "slug": "a" * 65}, [],
    ],
)  # fmt: skip
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_can_be_no_project_is_400_with_the_field(owner: Client, body: object) -> None:
    answer = owner("POST", "/v1/projects", body)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["fields"]


def test_releases_are_told_again_without_losing_what_was_said(
    reports: Reports, owner: Client, make_key: MakeKey
) -> None:
    def tell(**fields: object) -> dict[str, object]:
        answer = owner("POST", "/v1/releases", {"project": "truecom", "release": "web@2", **fields})
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return dict(answer.get_json())

    tell(commit="a8c2f11d3", unknown=[1])
    told = tell(deployed_at="2024-01-15T10:00:00Z")
    assert (told["commit"], told["deployed_at"], told["url"]) == ("a8c2f11d3", "2024-01-15T10:00:00.000Z", None)
    owner("POST", "/v1/releases", {"project": "truecom", "release": "web@1", "deployed_at": "2024-01-14T10:00:00Z"})
    listed = owner("GET", "/v1/releases?project=truecom").get_json()["releases"]
    assert [release["release"] for release in listed] == ["web@2", "web@1"]
    for bad in ({"project": "truecom"}, {"release": "x"}, {"project": "truecom", "release": "a\nb"}):
        assert owner("POST", "/v1/releases", bad).status_code == 400
    assert owner("POST", "/v1/releases", {"project": "no-such", "release": "x"}).status_code == 403
    assert Client(owner.client, make_key(["write"]))("POST", "/v1/releases", {}).status_code == 403

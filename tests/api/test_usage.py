"""What is used and what the plan allows, in the seed's shapes; over a limit, 402 or a notice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from cli.main import tracer
from model.plans import Plan, Plans
from model.settings import Settings
from store.sessions import Database
from tests.alerts.recording import T0, measured, record_all
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.journeys import SEED as JOURNEY
from tests.api.test_monitors import url_monitor

LIMITED = Plan.model_validate({"id": "team", "name": "Team", "limits": {"monitors": 3, "api_runs": 5000}})


class TestWithoutPlans:
    def test_usage_has_the_seeds_shape(self, owner: Client, database: Database, organization: str) -> None:
        monitor = owner.data("POST", "/v1/monitors", url_monitor(locations=["local"]), status=201)["id"]
        journey = owner.data("POST", "/v1/journeys", {**JOURNEY, "locations": ["local"]}, status=201)["id"]
        record_all(database, [[measured(organization, monitor, T0 + n * 60_000) for n in range(3)]])
        record_all(database, [[measured(organization, journey, T0)]])
        assert owner.data("GET", "/v1/usage") == {
            "period": {"start": "2024-01-01T00:00:00Z", "end": "2024-01-31T23:59:59Z"},
            "plan": "unlimited",
            "usage": {
                "monitors": {"used": 1, "limit": None},
                "browser_runs": {"used": 1, "limit": None},
                "api_runs": {"used": 3, "limit": None},
            },
        }

    def test_the_only_plan_has_no_limits(self, owner: Client) -> None:
        limits = dict.fromkeys(("monitors", "browser_runs", "api_runs"))
        assert owner.data("GET", "/v1/plans") == [
            {"id": "unlimited", "name": "Unlimited", "limits": limits, "current": True}
        ]

    def test_the_seeds_paths_answer_the_same(self, owner: Client) -> None:
        for path in ("usage", "plans"):
            assert owner.data("GET", f"/v1/billing/{path}") == owner.data("GET", f"/v1/{path}")

    def test_whoever_may_read_may_read_it_and_only_of_their_own(
        self, owner: Client, client_of: Any, make_organization: Any
    ) -> None:
        owner.data("POST", "/v1/monitors", url_monitor(), status=201)
        assert client_of("read").data("GET", "/v1/usage")["usage"]["monitors"]["used"] == 1
        stranger = client_of("read", organization_id=make_organization("Other"))
        assert stranger.data("GET", "/v1/usage")["usage"]["monitors"]["used"] == 0
        assert client_of("ingest")("GET", "/v1/usage").status_code == 403


class TestWithALimit:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(public_url=PUBLIC_URL, plans=Plans(plans=[LIMITED]))

    def test_one_monitor_too_many_is_402_and_says_what_to_do(self, owner: Client) -> None:
        ids = [owner.data("POST", "/v1/monitors", url_monitor(), status=201)["id"] for _ in range(3)]
        error = owner.error("POST", "/v1/monitors", url_monitor(), status=402)
        assert error["code"] == "plan_limit"
        assert error["message"].startswith("The plan Team allows 3 monitors, and there are as many: delete one")
        assert owner.data("GET", "/v1/usage")["usage"]["monitors"] == {"used": 3, "limit": 3}
        owner.data("PUT", f"/v1/monitors/{ids[0]}", {"name": "still to be changed"})
        owner.data("POST", "/v1/journeys", JOURNEY, status=201)
        owner.data("DELETE", f"/v1/monitors/{ids[0]}")
        owner.data("POST", "/v1/monitors", url_monitor(), status=201)

    def test_a_monitor_that_is_not_acceptable_says_so_first(self, owner: Client) -> None:
        for _ in range(3):
            owner.data("POST", "/v1/monitors", url_monitor(), status=201)
        assert owner("POST", "/v1/monitors", url_monitor(interval=0)).status_code == 422

    def test_requests_at_once_make_no_more_than_the_limit(self, app: Flask, owner: Client) -> None:
        def make(_number: int) -> int:
            return int(Client(app.test_client(), owner.key)("POST", "/v1/monitors", url_monitor()).status_code)

        with ThreadPoolExecutor(6) as threads:
            statuses = sorted(threads.map(make, range(6)))
        assert statuses == [201, 201, 201, 402, 402, 402]

    def test_other_organizations_have_the_limit_for_themselves(
        self, owner: Client, client_of: Any, make_organization: Any
    ) -> None:
        for _ in range(3):
            owner.data("POST", "/v1/monitors", url_monitor(), status=201)
        other = client_of("admin", organization_id=make_organization("Other"))
        other.data("POST", "/v1/monitors", url_monitor(locations=["x"]), status=201)

    def test_the_plans_say_which_is_the_organizations(self, owner: Client) -> None:
        [plan] = owner.data("GET", "/v1/plans")
        assert (plan["id"], plan["limits"]["monitors"], plan["current"]) == ("team", 3, True)
        assert owner.data("GET", "/v1/usage")["plan"] == "team"


def test_the_command_line_shows_it(api: None, owner: Client) -> None:
    owner.data("POST", "/v1/monitors", url_monitor(), status=201)
    shown = CliRunner().invoke(tracer, ["usage"])
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.output.splitlines()]
    assert lines[0] == ["2024-01-01T00:00:00Z", "to", "2024-01-31T23:59:59Z,", "plan", "unlimited"]
    assert ["monitors", "1", "no", "limit"] in lines
    assert json.loads(CliRunner().invoke(tracer, ["usage", "--json"]).output)["plan"] == "unlimited"

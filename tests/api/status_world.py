"""A status page with components that stand in every state, and a check beside them that is on no page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.world import MINUTE_MS, fail, succeed
from tests.api.test_monitors import url_monitor

PAGES = "/v1/status-pages"
SECRET = "Payroll"
"""The name of the check that is on no page; it stands in its address, cause and tags too."""


@dataclass
class StatusWorld:
    """Ids: of the page, and of checks by name: Shop is up, Checkout is down, Search was never measured."""

    page: str
    checks: dict[str, str]
    owner: Client
    database: Database
    organization: str

    def run(self, name: str, at_ms: int, *, good: bool) -> None:
        end = succeed if good else fail
        end(self.database, self.organization, self.checks[name], at_ms)

    def post(self, status: str = "investigating", message: str = "We look into it.", **fields: Any) -> Any:
        body = {"status": status, "message": message, **fields}
        return self.owner.data("POST", f"{PAGES}/{self.page}/updates", body, status=201)


def status_world(owner: Client, database: Database, organization: str, now_ms: int, **page: Any) -> StatusWorld:
    """`page`: fields of the page beside the usual ones."""
    checks = {}
    for name in ("Shop", "Checkout", "Search", SECRET):
        lower = name.lower()
        definition = url_monitor(
            name=name, url=f"https://{lower}.example/{lower}-path", tags=[f"tag-{lower}"], description=f"about {lower}",
            runbook_url=f"https://wiki.example/{lower}", locations=["us-east"],
        )  # fmt: skip
        checks[name] = owner.data("POST", "/v1/monitors", definition, status=201)["id"]
    groups = [
        {"name": "Front", "checks": [checks["Shop"], {"id": checks["Checkout"], "name": "Paying"}]},
        {"name": "Back", "checks": [checks["Search"]]},
    ]
    body = {"slug": "acme", "title": "Acme", "groups": groups, **page}
    made = owner.data("POST", PAGES, body, status=201)
    world = StatusWorld(made["id"], checks, owner, database, organization)
    for number in range(3):
        world.run("Shop", now_ms + number * MINUTE_MS, good=True)
        world.run("Checkout", now_ms + number * MINUTE_MS, good=number == 0)
        world.run(SECRET, now_ms + number * MINUTE_MS, good=False)
    return world

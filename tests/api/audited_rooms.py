"""What the forms of monitors, journeys, the fleet and the settings do, and how the audit log calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.audited_alerting import sent
from tests.api.audited_place import Deed, Place
from tests.telemetry.reporting import event, message

MONITOR, JOURNEY, SECRETS = "/monitors/{}", "/journeys/{}", "/settings/secrets"
ADDRESS = {"url": "https://shop.example/new", "locations": "local"}
WALK = {
    "name": "New",
    "locations": "local",
    "interval": "300",
    "steps.0.type": "goto",
    "steps.0.url": "https://a.example",
}


def on_monitor(deed: str, **fields: str) -> Deed:
    return sent(MONITOR, f"{MONITOR}/{deed}", "monitor", fields)


def on_journey(deed: str, **fields: str) -> Deed:
    return sent(JOURNEY, f"{JOURNEY}/{deed}", "journey", fields)


def resume(family: str) -> Deed:
    """`family`: monitors or journeys."""

    def ready(place: Place) -> Callable[[], Any]:
        check = place.monitor() if family == "monitors" else place.journey()
        place.owner.data("PUT", f"/v1/{family}/{check}", {"status": "paused"})
        place.browser.sign_in(place.owner.key)
        return lambda: place.browser.send(f"/{family}/{check}", f"/{family}/{check}/resume")

    return ready


PROJECT = {"name": "Books", "slug": "books", "retention_days": "30"}


def revoke_public_key(place: Place) -> Callable[[], Any]:
    reports = place.reports()
    there = f"/projects/{reports.project['project_id']}"
    place.browser.sign_in(place.owner.key)
    return lambda: place.browser.send(there, f"{there}/keys/{reports.key}/revoke")


def merge_on_its_page(place: Place) -> Callable[[], Any]:
    """With one of the same project."""
    reports = place.reports()
    reports.events(event("e1"), message("e2", "The same"))
    first, second = (issue["id"] for issue in reports.issues())
    place.browser.sign_in(place.owner.key)
    return lambda: place.browser.send(f"/issues/{first}", f"/issues/{first}/merge", merge_into=second)


DEEDS_IN_ROOMS: dict[tuple[str, str], tuple[Deed, str]] = {
    ("POST", "/monitors/new"): (sent("/monitors/new", "/monitors/new", fields=ADDRESS), "monitor.created"),
    ("POST", "/monitors/<monitor_id>/edit"): (
        sent(f"{MONITOR}/edit", f"{MONITOR}/edit", "monitor", ADDRESS), "monitor.updated",
    ),
    ("POST", "/monitors/<check_id>/run"): (on_monitor("run"), "monitor.run"),
    ("POST", "/monitors/<check_id>/pause"): (on_monitor("pause"), "monitor.paused"),
    ("POST", "/monitors/<check_id>/resume"): (resume("monitors"), "monitor.resumed"),
    ("POST", "/monitors/<check_id>/mute"): (on_monitor("mute", **{"for": "1h"}), "monitor.updated"),
    ("POST", "/monitors/<check_id>/clone"): (on_monitor("clone"), "monitor.created"),
    ("POST", "/monitors/<check_id>/delete"): (on_monitor("delete"), "monitor.deleted"),
    ("POST", "/journeys/new"): (sent("/journeys/new", "/journeys/new", fields=WALK), "journey.created"),
    ("POST", "/journeys/<journey_id>/edit"): (
        sent(f"{JOURNEY}/edit", f"{JOURNEY}/edit", "journey", WALK), "journey.updated",
    ),
    ("POST", "/journeys/<check_id>/run"): (on_journey("run"), "journey.run"),
    ("POST", "/journeys/<check_id>/pause"): (on_journey("pause"), "journey.paused"),
    ("POST", "/journeys/<check_id>/resume"): (resume("journeys"), "journey.resumed"),
    ("POST", "/journeys/<check_id>/mute"): (on_journey("mute", **{"for": "8h"}), "journey.updated"),
    ("POST", "/journeys/<check_id>/clone"): (on_journey("clone"), "journey.created"),
    ("POST", "/journeys/<check_id>/delete"): (on_journey("delete"), "journey.deleted"),
    ("POST", "/issues/<issue_id>/status"): (
        sent("/issues/{}", "/issues/{}/status", "issue", {"status": "resolved"}), "issue.resolved",
    ),
    ("POST", "/issues/<issue_id>/merge"): (merge_on_its_page, "issue.merged"),
    ("POST", "/incidents/<incident_id>"): (
        sent("/incidents/{}", "/incidents/{}", "incident", {"status": "investigating"}), "incident.updated",
    ),
    ("POST", "/incidents/<incident_id>/fix"): (
        sent("/incidents/{}", "/incidents/{}/fix", "incident"), "incident.fix_requested incident.fix_fallback",
    ),
    ("POST", "/incidents/<incident_id>/regression"): (
        sent("/incidents/{}", "/incidents/{}/regression", "incident"), "incident.regression_started",
    ),
    ("POST", "/agents/<path:agent_session_id>/analyze"): (
        sent("/agents/{}", "/agents/{}/analyze", "agent_session"), "agent_session.analyzed",
    ),
    ("POST", "/projects"): (sent("/projects", "/projects", fields=PROJECT), "project.created project_key.created"),
    ("POST", "/projects/<project_id>"): (sent("/projects/{}", "/projects/{}", "project", PROJECT), "project.updated"),
    ("POST", "/projects/<project_id>/delete"): (
        sent("/projects/{}", "/projects/{}/delete", "project"), "project_key.deleted project.deleted",
    ),
    ("POST", "/projects/<project_id>/keys"): (
        sent("/projects/{}", "/projects/{}/keys", "project"), "project_key.created",
    ),
    ("POST", "/projects/<project_id>/keys/<public_key>/revoke"): (revoke_public_key, "project_key.deleted"),
    ("POST", "/probes"): (sent("/probes", "/probes", fields={"name": "P", "location": "local"}), "probe.created"),
    ("POST", "/probes/<probe_id>/delete"): (sent("/probes", "/probes/{}/delete", "probe"), "probe.deleted"),
    ("POST", "/settings/organization"): (
        sent("/settings/organization", "/settings/organization", fields={"name": "Other", "hear": "all"}),
        "organization.updated",
    ),
    ("POST", SECRETS): (sent(SECRETS, SECRETS, fields={"name": "NEW", "value": "x"}), "variable.created"),
    ("POST", f"{SECRETS}/<variable>/change"): (
        sent(SECRETS, f"{SECRETS}/{{}}/change", "variable", {"value": "y"}), "variable.updated",
    ),
    ("POST", f"{SECRETS}/<variable>/delete"): (sent(SECRETS, f"{SECRETS}/{{}}/delete", "variable"), "variable.deleted"),
}  # fmt: skip
"""By route, as in CHANGES (audited_routes.py)."""

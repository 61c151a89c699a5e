"""What the forms of monitors, journeys, the fleet and the settings do, and how the audit log calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.audited_alerting import sent
from tests.api.audited_place import Deed, Place

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


def resume(place: Place) -> Callable[[], Any]:
    monitor = place.monitor()
    place.owner.data("PUT", f"/v1/monitors/{monitor}", {"status": "paused"})
    place.browser.sign_in(place.owner.key)
    return lambda: place.browser.send(f"/monitors/{monitor}", f"/monitors/{monitor}/resume")


DEEDS_IN_ROOMS: dict[tuple[str, str], tuple[Deed, str]] = {
    ("POST", "/monitors/new"): (sent("/monitors/new", "/monitors/new", fields=ADDRESS), "monitor.created"),
    ("POST", "/monitors/<monitor_id>/edit"): (
        sent(f"{MONITOR}/edit", f"{MONITOR}/edit", "monitor", ADDRESS), "monitor.updated",
    ),
    ("POST", "/monitors/<monitor_id>/run"): (on_monitor("run"), "monitor.run"),
    ("POST", "/monitors/<monitor_id>/pause"): (on_monitor("pause"), "monitor.paused"),
    ("POST", "/monitors/<monitor_id>/resume"): (resume, "monitor.resumed"),
    ("POST", "/monitors/<monitor_id>/mute"): (on_monitor("mute", **{"for": "1h"}), "monitor.updated"),
    ("POST", "/monitors/<monitor_id>/clone"): (on_monitor("clone"), "monitor.created"),
    ("POST", "/monitors/<monitor_id>/delete"): (on_monitor("delete"), "monitor.deleted"),
    ("POST", "/journeys/new"): (sent("/journeys/new", "/journeys/new", fields=WALK), "journey.created"),
    ("POST", "/journeys/<journey_id>/edit"): (
        sent(f"{JOURNEY}/edit", f"{JOURNEY}/edit", "journey", WALK), "journey.updated",
    ),
    ("POST", "/journeys/<journey_id>/run"): (on_journey("run"), "journey.run"),
    ("POST", "/journeys/<journey_id>/status"): (on_journey("status", status="paused"), "journey.paused"),
    ("POST", "/journeys/<journey_id>/mute"): (on_journey("mute", hours="8"), "journey.updated"),
    ("POST", "/journeys/<journey_id>/clone"): (on_journey("clone"), "journey.created"),
    ("POST", "/journeys/<journey_id>/delete"): (on_journey("delete"), "journey.deleted"),
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

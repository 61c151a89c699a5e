"""Every page there is, seen by a signed-in owner: no barrier, no overflow, no error on the console."""

from __future__ import annotations

import pytest

from tests.api.pages.conftest import Outage, Reported
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import faults

ROOMS = {
    "checks": (
        "/", "/monitors", "/monitors/new", "/monitors/new?type=heartbeat", "/monitors/{check}/edit",
        "/monitors/{check}", "/monitors/{check}?span=7d&by=location&status=failed", "/runs/{failed}", "/runs/{good}",
        "/journeys", "/journeys/new", "/probes",
    ),
    "alerts": (
        "/alerts", "{alert}", "/alerts/rules", "/alerts/rules/new", "/alerts/event-rules", "/alerts/event-rules/new",
        "/alerts/channels", "/alerts/channels/new?type=webhook", "/alerts/silences", "/alerts/why",
        "/alerts/why?check={check}",
    ),
    "settings": (
        "/account", "/settings/people", "/settings/keys", "/settings/organization", "/settings/secrets",
        "/settings/usage", "/settings/audit", "/settings/maintenance", "/settings/maintenance/new",
    ),
    "errors": (
        "/issues", "/issues?q=level:error&status=all", "{issue}", "/traces/{trace}", "/query", "/query?q=declined",
        "/releases", "/releases/truecom?name=web@2", "/generations", "/generations?span=13mo", "/projects",
        "/projects/truecom",
    ),
    "agents": (
        "/incidents", "/incidents?status=open&label=tool_loop", "{incident}", "/agents",
        "/agents?status=failed&label=tool_loop&q=room", "/agents/trace_1", "/agents/trace_1?seq=7",
    ),
}  # fmt: skip
"""Together, because what stands behind a page takes longer to make than the page to judge."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("room", ROOMS)
def test_the_pages_of_a_room_have_no_barriers(visit: Visit, outage: Outage, reported: Reported, room: str) -> None:
    ids = {"check": outage.check_id, "alert": outage.page, "failed": outage.failed[-1], "good": outage.good}
    ids |= {"issue": reported.page, "trace": reported.trace_id, "incident": reported.incident}
    page = visit()
    found = {}
    for path in ROOMS[room]:
        page.goto(path.format(**ids))
        assert page.title() != "", path
        if wrong := faults(page):
            found[path] = wrong
    assert found == {}


def test_a_first_visit_has_no_barriers(visit: Visit) -> None:
    page = visit()
    found = {}
    for path in ("/issues", "/query", "/releases", "/generations", "/projects", "/agents", "/incidents"):
        page.goto(path)
        assert "yet" in page.inner_text("main"), path
        if wrong := faults(page):
            found[path] = wrong
    assert found == {}


def test_the_way_in_has_no_barriers(visit: Visit) -> None:
    assert faults(visit("/login", scopes=None)) == []

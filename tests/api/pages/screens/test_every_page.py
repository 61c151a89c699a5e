"""Every page there is, seen by a signed-in owner: no barrier, no overflow, no error on the console."""

from __future__ import annotations

import pytest

from tests.api.pages.conftest import Outage, Reported
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import faults

PAGES = (
    "/", "/monitors", "/monitors/new", "/monitors/new?type=heartbeat", "/monitors/{check}/edit", "/monitors/{check}",
    "/monitors/{check}?span=7d&by=location&status=failed", "/alerts", "{alert}",
    "/runs/{failed}", "/runs/{good}", "/account", "/settings/people", "/settings/keys",
    "/journeys", "/journeys/new", "/probes", "/settings/organization", "/settings/secrets", "/settings/usage",
    "/settings/audit",
    "/alerts/rules", "/alerts/rules/new", "/alerts/event-rules", "/alerts/event-rules/new",
    "/alerts/channels", "/alerts/channels/new?type=webhook", "/alerts/silences",
    "/alerts/why", "/alerts/why?check={check}", "/settings/maintenance", "/settings/maintenance/new",
    "/issues", "/issues?q=level:error&status=all", "{issue}", "/traces/{trace}", "/query", "/query?q=declined",
    "/releases", "/releases/truecom?name=web@2", "/generations", "/projects", "/projects/truecom",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_barriers(visit: Visit, outage: Outage, reported: Reported, path: str) -> None:
    ids = {"check": outage.check_id, "alert": outage.page, "failed": outage.failed[-1], "good": outage.good}
    page = visit(path.format(**ids, issue=reported.page, trace=reported.trace_id))
    assert page.title() != ""
    assert faults(page) == []


@pytest.mark.parametrize("path", ["/issues", "/query", "/releases", "/generations", "/projects"])
def test_a_first_visit_has_no_barriers(visit: Visit, path: str) -> None:
    page = visit(path)
    assert "yet" in page.inner_text("main")
    assert faults(page) == []


def test_the_way_in_has_no_barriers(visit: Visit) -> None:
    assert faults(visit("/login", scopes=None)) == []

"""Every page there is, seen by a signed-in owner: no barrier, no overflow, no error on the console."""

from __future__ import annotations

import pytest

from tests.api.pages.conftest import Outage
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import faults

PAGES = (
    "/", "/monitors", "/monitors/new", "/monitors/new?type=heartbeat", "/monitors/{check}/edit", "/monitors/{check}",
    "/monitors/{check}?span=7d&by=location&status=failed", "/alerts", "{alert}",
    "/runs/{failed}", "/runs/{good}", "/account", "/settings/people", "/settings/keys",
    "/journeys", "/journeys/new", "/probes", "/settings/organization", "/settings/secrets", "/settings/usage",
    "/settings/audit",
    "/alerts/rules", "/alerts/rules/new", "/alerts/channels", "/alerts/channels/new?type=webhook", "/alerts/silences",
    "/alerts/why", "/alerts/why?check={check}", "/settings/maintenance", "/settings/maintenance/new",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_barriers(visit: Visit, outage: Outage, path: str) -> None:
    page = visit(path.format(check=outage.check_id, alert=outage.page, failed=outage.failed[-1], good=outage.good))
    assert page.title() != ""
    assert faults(page) == []


def test_the_way_in_has_no_barriers(visit: Visit) -> None:
    assert faults(visit("/login", scopes=None)) == []

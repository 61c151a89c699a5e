"""The app and the people of the API's tests, for whoever attacks it."""

from __future__ import annotations

import pytest

from tests.api.conftest import (
    _apps,
    app,
    client_of,
    crowd,
    ends,
    keyring,
    make_key,
    owner,
    settings,
)
from tests.security.tally import Tally, lines_of, table

__all__ = ["_apps", "app", "client_of", "crowd", "ends", "keyring", "make_key", "owner", "settings"]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Where a test says what it tried."""
    return Tally(request.node.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = lines_of(report for report in reports if getattr(report, "when", "") == "call")
    if lines:
        terminalreporter.section("what was tried")
        terminalreporter.write_line("\n".join(table(lines)))

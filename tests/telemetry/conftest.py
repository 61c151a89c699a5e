"""An app on a real store, a project, and whoever reports to it."""

from __future__ import annotations

import pytest

from tests.api.conftest import (
    Client,
    _apps,
    app,
    client_of,
    keyring,
    make_key,
    own_app,
    owner,
    settings,
)
from tests.telemetry.reporting import Reports, make_project

__all__ = ["_apps", "app", "client_of", "keyring", "make_key", "own_app", "owner", "settings"]


@pytest.fixture
def reports(owner: Client) -> Reports:
    return make_project(owner)

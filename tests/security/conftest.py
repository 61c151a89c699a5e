"""The app and the people of the API's tests, for whoever attacks it."""

from __future__ import annotations

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

__all__ = ["_apps", "app", "client_of", "crowd", "ends", "keyring", "make_key", "owner", "settings"]

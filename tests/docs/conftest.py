"""What pages show is done against a real API."""

from __future__ import annotations

from tests.api.conftest import _apps, api, app, ends, keyring, make_key, owner, settings

__all__ = ["_apps", "api", "app", "ends", "keyring", "make_key", "owner", "settings"]

"""What pages show is done against a real API."""

from __future__ import annotations

from tests.api.conftest import api, app, ends, keyring, make_key, owner, settings

__all__ = ["api", "app", "ends", "keyring", "make_key", "owner", "settings"]

"""An app on a real store, and agents that report to it."""

from __future__ import annotations

from tests.api.conftest import _apps, app, client_of, keyring, make_key, own_app, owner, settings

__all__ = ["_apps", "app", "client_of", "keyring", "make_key", "own_app", "owner", "settings"]

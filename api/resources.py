"""Every family of paths there is, in the order the reference shows them: a new one is its file and one line here."""

from __future__ import annotations

from api import (
    alert_channels,
    api_keys,
    health,
    locations,
    monitors,
    notices,
    notifications,
    organization,
    probes,
    runs,
)

RESOURCES = (
    monitors.routes,
    runs.routes,
    alert_channels.routes,
    notifications.routes,
    probes.routes,
    locations.routes,
    notices.routes,
    api_keys.routes,
    organization.routes,
    health.routes,
)

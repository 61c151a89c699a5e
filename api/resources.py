"""Every family of paths there is, in the order the reference shows them: a new one is its file and one line here."""

from __future__ import annotations

from api import (
    alert_channels,
    alert_rules,
    alerts,
    api_keys,
    artifacts,
    backtests,
    batches,
    explanations,
    health,
    journeys,
    locations,
    maintenance_windows,
    monitors,
    notices,
    notifications,
    organization,
    probes,
    runs,
    silences,
    variables,
)

RESOURCES = (
    monitors.routes,
    journeys.routes,
    batches.routes,
    variables.routes,
    runs.routes,
    artifacts.routes,
    explanations.routes,
    alerts.routes,
    alert_rules.routes,
    backtests.routes,
    alert_channels.routes,
    notifications.routes,
    maintenance_windows.routes,
    silences.routes,
    notices.routes,
    probes.routes,
    locations.routes,
    api_keys.routes,
    organization.routes,
    health.routes,
)

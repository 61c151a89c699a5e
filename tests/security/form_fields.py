"""What the forms of pages ask for, so that each does what it is for when nothing is wrong with it."""

from __future__ import annotations

from tests.api import audited_alerting

_JOURNEY = {
    "name": "New", "locations": "local", "interval": "300", "timeout": "60", "steps.0.type": "goto",
    "steps.0.url": "https://shop.example/other",
}  # fmt: skip
FIELDS_OF = {
    **audited_alerting.FIELDS_OF,
    "/journeys/new": _JOURNEY,
    "/journeys/<journey_id>/edit": _JOURNEY,
    "/journeys/<check_id>/mute": {"for": "8h"},
    "/monitors/<monitor_id>/edit": {"url": "https://shop.example/other", "locations": "local"},
    "/monitors/<check_id>/mute": {"for": "1h"},
    "/monitors/new": {"url": "https://shop.example/new", "locations": "local"},
    "/incidents/<incident_id>": {"status": "investigating"},
    "/issues/<issue_id>/status": {"status": "resolved"},
    "/projects": {"slug": "forged", "retention_days": "30"},
    "/projects/<project_id>": {"slug": "forged", "retention_days": "30"},
    "/probes": {"location": "local"},
    "/settings/organization": {"default_locations": "local", "hear": "all"},
    "/settings/secrets": {"name": "FORGED", "value": "forged"},
    "/settings/secrets/<variable>/change": {"value": "forged"},
}
"""By route, beside what all of them are sent."""

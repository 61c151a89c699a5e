"""The monitor of the seed, whole: the example that the reference shows for answers."""

from __future__ import annotations

from typing import Any

_STATE: dict[str, Any] = {
    "location": "us-east",
    "state": "up",
    "since": "2024-01-15T10:00:03.000Z",
    "last_run_id": "run_xyz789",
    "last_run_at": "2024-01-15T10:30:00.000Z",
    "fresh_until": "2024-01-15T10:32:30.000Z",
    "duration_ms": 245,
    "error": None,
    "not_run_since": None,
}
MONITOR: dict[str, Any] = {
    "id": "mon_abc123",
    "name": "Production API",
    "type": "url",
    "url": "https://api.example.com/health",
    "method": "GET",
    "headers": {"Authorization": "********"},
    "interval": 60,
    "timeout": 30,
    "locations": ["us-east"],
    "assertions": [{"type": "status_code", "operator": "equals", "value": 200}],
    "status": "active",
    "health": "up",
    "location_states": [_STATE],
    "last_run": {
        "id": "run_xyz789",
        "status": "success",
        "location": "us-east",
        "duration_ms": 245,
        "completed_at": "2024-01-15T10:30:00.249Z",
        "error": None,
    },
    "stats": {
        **{f"uptime_{period}": 99.9 for period in ("24h", "7d", "30d", "90d")},
        **{f"coverage_{period}": 100 for period in ("24h", "7d", "30d", "90d")},
        **{f"uptime_{period}_floor": 99.9 for period in ("24h", "7d", "30d", "90d")},
        "avg_response_ms": 230,
        "p95_response_ms": 310,
    },
    "created_at": "2024-01-15T10:00:00.000Z",
    "updated_at": "2024-01-15T10:00:00.000Z",
}
NEW_JOURNEY: dict[str, Any] = {
    "name": "Login Flow",
    "description": "Tests the user login process",
    "interval": 300,
    "timeout": 60,
    "locations": ["us-east"],
    "steps": [
        {"type": "goto", "url": "https://app.example.com/login"},
        {"type": "fill", "selector": "#email", "value": "ann@example.com"},
        {"type": "fill", "selector": "#password", "value": "{{PASSWORD}}"},
        {"type": "click", "selector": "button[type='submit']"},
        {"type": "expect_visible", "selector": ".dashboard"},
    ],
    "variables": {"PASSWORD": "test123"},
}
"""The journey of the seed."""
JOURNEY: dict[str, Any] = {
    **{name: MONITOR[name] for name in ("status", "health", "location_states", "stats", "created_at", "updated_at")},
    "id": "jny_abc123",
    "type": "journey",
    **NEW_JOURNEY,
    "variables": {"PASSWORD": "********"},
    "last_run": MONITOR["last_run"],
}

"""Journeys as tests send them."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Client

SEED: dict[str, Any] = {
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
GOTO = {"type": "goto", "url": "https://app.example.com/login"}


def journey(**fields: Any) -> dict[str, Any]:
    return {"name": "Example", "steps": [GOTO], **fields}


def make(client: Client, **fields: Any) -> Any:
    """The journey as it is answered."""
    return client.data("POST", "/v1/journeys", journey(**fields), status=201)


def warnings_of(client: Client, method: str, path: str, body: Any = None) -> list[str]:
    answer = client(method, path, body)
    assert answer.status_code < 300, answer.get_data(as_text=True)
    return list((answer.get_json().get("meta") or {}).get("warnings", []))

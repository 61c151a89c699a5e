"""A keyring for the tests of the store, and definitions to store."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from model.definition import CheckDefinition
from model.heartbeat import HeartbeatCheck
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database

SECRET_KEYS = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class WebCheck(CheckDefinition):
    """As much of a URL check as the store looks at."""

    type: Literal["url", "api"] = "url"
    url: str = "https://example.com/"
    headers: dict[str, str] = Field(default_factory=dict)
    secret_headers: Annotated[tuple[str, ...], Field(strict=False)] = ()


def web_check(**fields: Any) -> WebCheck:
    return WebCheck.model_validate({"name": "Shop", "locations": ["local"], **fields})


def heartbeat_check(**fields: Any) -> HeartbeatCheck:
    return HeartbeatCheck.model_validate({"name": "Backup", "type": "heartbeat", "interval": 3600, **fields})


@pytest.fixture
def settings() -> Settings:
    return Settings(secret_keys=SECRET_KEYS)


@pytest.fixture
def keyring(database: Database, settings: Settings) -> Keyring:
    return Keyring.load(settings, database)

"""Where settings come from: environment variables named TRACER_…, and nothing else."""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.plans_file import read_plans
from model.settings import Settings
from model.validation import field_errors

_SECRET = frozenset(
    {
        "api_key", "database_url", "deadman_url", "fix_command", "internal_token", "jwt_secret", "metrics_token",
        "probe_key", "secret_keys", "smtp_url",
    }
)  # fmt: skip
"""What no message may repeat."""


ALLOWED_BY_HAND = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where `tracer up` and commands with no server may go beside public addresses, unless TRACER_ALLOW_NETS says
otherwise: who types them is on this machine already."""


def nets_by_hand(settings: Settings) -> tuple[str, ...]:
    """What such a command may reach. Who sets TRACER_ALLOW_NETS to nothing means public addresses and no others."""
    said = any(name.upper() == "TRACER_ALLOW_NETS" for name in os.environ)
    return settings.allow_nets if said or settings.allow_nets else ALLOWED_BY_HAND


class _Environment(Settings, BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, env_prefix="TRACER_", env_ignore_empty=True, enable_decoding=False, extra="ignore"
    )

    @field_validator("allow_nets", "canaries", "security_contact", "trusted_proxies", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("plans", mode="before")
    @classmethod
    def _of_a_file(cls, value: Any) -> Any:
        return read_plans(value) if isinstance(value, str) else value


class SettingsError(Exception):
    """A setting that can't be used; the text names the variable and what it should be."""


def read_settings(**overrides: Any) -> Settings:
    """The environment's settings; `overrides` (command-line options that were given) win over them."""
    try:
        found = _Environment(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        said, *_ = next(iter(field_errors(error).values()))
        if not first["loc"]:  # two that do not go together: the sentence names them
            raise SettingsError(said) from None
        name = "TRACER_" + "_".join(str(part) for part in first["loc"]).upper()
        shown = "" if first["loc"][0] in _SECRET else f" = {first.get('input')!r}"
        raise SettingsError(f"{name}{shown}: {said}") from None
    return Settings(**found.model_dump())

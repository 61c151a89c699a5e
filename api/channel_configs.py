"""From what a person sent to a channel's configuration, whole and valid, and back to what may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from alerts.channels.base import Channel
from alerts.channels.registry import CHANNELS
from api.errors import Invalid
from api.kept_secrets import NOTHING_KEPT, refuse_elsewhere
from api.routes import BodyModel
from model.fields import Name
from model.secrets import MASK
from model.times import iso
from model.validation import field_errors
from store.alert_channels import channel_secrets, joined
from store.alert_tables import AlertChannel
from store.keyring import Keyring

READ_ONLY = ("id", "status", "disabled_at", "disabled_reason", "created_at", "updated_at", "secret")


class ChannelBody(BodyModel):
    """What every channel is told, whatever its type."""

    name: Name
    type: str
    config: dict[str, Any] = Field(default_factory=dict)


def channel_of_body(body: Mapping[str, Any]) -> tuple[str, str, Channel]:
    """(name, type, configuration) of a new channel. Raises Invalid with a message per field."""
    _refuse_read_only(body)
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in CHANNELS:
        said = "is missing" if kind is None else "is not a type of channel"
        raise Invalid({"type": [f"{said}: it is one of {', '.join(CHANNELS)}"]})
    given = _validated(ChannelBody, body)
    return given.name, kind, configured(kind, given.config)


def changed(channel: AlertChannel, keyring: Keyring, body: Mapping[str, Any]) -> tuple[str, Channel]:
    """(name, configuration) after a PUT: `config` is replaced whole, a mask in it keeps what is stored, headers
    only as long as the URL's origin is the same."""
    _refuse_read_only(body)
    if "type" in body and body["type"] != channel.type:
        raise Invalid({"type": ["can't be changed: make a new channel instead"]})
    given = _validated(ChannelBody, {"name": channel.name, "config": channel.config, **body, "type": channel.type})
    secrets = channel_secrets(keyring, channel)
    whole = joined(given.config, secrets)
    refuse_elsewhere(secrets.get("url"), whole.get("url"), given.config, secrets, "config.")
    return given.name, configured(channel.type, whole)


def configured(kind: str, config: Mapping[str, Any]) -> Channel:
    """A valid configuration. Raises Invalid with paths that begin with `config.`."""
    try:
        channel = CHANNELS[kind].model_validate(dict(config))
    except ValidationError as error:
        raise Invalid(
            {f"config.{path}" if path else "config": said for path, said in field_errors(error).items()}
        ) from None
    masks = _masks(plain(channel))
    if masks:
        raise Invalid({f"config.{path}": [NOTHING_KEPT] for path in masks})
    mistakes = channel.mistakes()
    if mistakes:
        raise Invalid({f"config.{path}": [said] for path, said in mistakes.items()})
    return channel


def plain(channel: Channel) -> dict[str, Any]:
    """The configuration as JSON values, secrets in place."""
    return channel.model_dump(mode="json")


def shape(channel: AlertChannel) -> dict[str, Any]:
    """A channel as REST shows it: secrets masked."""
    return {
        "id": channel.id,
        "name": channel.name,
        "type": channel.type,
        "config": channel.config,
        "status": "active" if channel.disabled_ms is None else "disabled",
        "disabled_at": iso(channel.disabled_ms),
        "disabled_reason": channel.disabled_reason,
        "created_at": iso(channel.created_ms),
        "updated_at": iso(channel.updated_ms),
    }


def _masks(config: Mapping[str, Any]) -> list[str]:
    found = [name for name, value in config.items() if value == MASK]
    for name, value in config.items():
        if isinstance(value, dict):
            found += [f"{name}.{key}" for key, inner in value.items() if inner == MASK]
    return found


def _refuse_read_only(body: Mapping[str, Any]) -> None:
    given = [name for name in READ_ONLY if name in body]
    if given:
        raise Invalid({name: ["is read-only"] for name in given})


def _validated(model: type[ChannelBody], body: Mapping[str, Any]) -> ChannelBody:
    try:
        return model.model_validate(dict(body))
    except ValidationError as error:
        raise Invalid(field_errors(error)) from None

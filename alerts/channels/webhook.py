"""Webhooks as Standard Webhooks 1.0 has them: a program's way to hear of every event, one POST each.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import AfterValidator, Field

from alerts.channels.base import Channel, ChannelUrl, Delivered, Outgoing, Undelivered, Way
from alerts.channels.http import post
from alerts.messages.links import with_links
from model.headers import Headers
from model.validation import FieldsError

MAX_BODY = 20_000
"""Bytes; the specification asks for less than 20 kB."""
_PREFIX = "whsec_"
_KEY_BYTES = 32
_OURS = frozenset({"content-type", "user-agent"})
_CUTS = (4_000, 1_000, 300, 100, 30)
"""Characters that the texts of a body too large are cut to, until it fits."""


def _are_not_ours(headers: dict[str, str]) -> dict[str, str]:
    ours = [name for name in headers if name.lower() in _OURS or name.lower().startswith("webhook-")]
    if ours:
        raise FieldsError(dict.fromkeys(ours, "is set by Tracer itself and can't be given"))
    return headers


class Webhook(Channel):
    """A program that takes each event as JSON, signed."""

    type: ClassVar[str] = "webhook"
    secrets: ClassVar[tuple[str, ...]] = ("url", "headers")
    per_second: ClassVar[float] = 50.0
    in_digests: ClassVar[bool] = False

    url: ChannelUrl
    headers: Annotated[Headers, AfterValidator(_are_not_ours), Field(default_factory=dict, description="sent along")]

    async def send(self, outgoing: Outgoing, way: Way) -> Delivered:
        (payload,) = outgoing.payloads
        if outgoing.signing_secret is None:
            raise Undelivered("the webhook has no signing secret: make it anew", permanent=True)
        body = body_of(with_links(payload, way.public_url))
        headers = {
            **self.headers,
            "Content-Type": "application/json",
            "webhook-id": outgoing.id,
            "webhook-timestamp": str(outgoing.at_s),
            "webhook-signature": signature(outgoing.signing_secret, outgoing.id, outgoing.at_s, body),
        }
        return await post(way.egress, self.url, body, headers)


def new_signing_secret() -> str:
    """`whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def signature(signing_secret: str, message_id: str, at_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`."""
    key = base64.b64decode(signing_secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def body_of(payload: dict[str, Any]) -> bytes:
    """The payload as it is; of one that is too large, long texts and lists are cut until it fits."""
    body = msgspec.json.encode(payload)
    for limit in _CUTS:
        if len(body) < MAX_BODY:
            break
        body = msgspec.json.encode(_cut(payload, limit))
    return body


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else value[: limit - 1] + "…"
    if isinstance(value, list):
        return [_cut(item, limit) for item in value[:limit]]
    if isinstance(value, dict):
        return {key: _cut(item, limit) for key, item in value.items()}
    return value

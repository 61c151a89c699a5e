"""Links that acknowledge one alert with one tap: they stand in notices, need no sign-in, and can do nothing else.

    https://tracer.example/ack/<alert id>.<end, in seconds since the epoch>.<signature>

The signature is the keyring's own for this purpose, so a link can be neither made nor altered elsewhere. Following one
changes nothing (mail scanners follow every link); the button on its page does.
"""

from __future__ import annotations

import base64
import hmac
import re

from store.keyring import Keyring

LASTS_MS = 24 * 3_600_000
PATH = "/ack/"
_PURPOSE = "acknowledge an alert by a link"
_SIGNATURE_BYTES = 24  # of 32; a multiple of 3 fills its base64 exactly, so each signature has one spelling
_TOKEN = re.compile(r"(alr_[0-9a-z]{6,40})\.([1-9][0-9]{9,11})\.([A-Za-z0-9_-]{32})", re.ASCII)


class BadLinkError(ValueError):
    """Not a link that Tracer made, or not as it made it."""


class ExpiredLinkError(BadLinkError):
    """It was good once. `alert_id` says of which alert: the signature held."""

    def __init__(self, alert_id: str) -> None:
        super().__init__("the link has expired")
        self.alert_id = alert_id


def acknowledge_url(keyring: Keyring, public_url: str, alert_id: str, now_ms: int) -> str:
    """The link for a notice that is written now: good for 24 hours, or until the alert is resolved."""
    signed = f"{alert_id}.{(now_ms + LASTS_MS) // 1000}"
    return f"{public_url.rstrip('/')}{PATH}{signed}.{_signature(keyring, signed)}"


def alert_of_link(keyring: Keyring, token: str, now_ms: int) -> str:
    """The id of the alert that a link's last part is about. BadLinkError, ExpiredLinkError."""
    shape = _TOKEN.fullmatch(token)
    if shape is None:
        raise BadLinkError("not an acknowledge link")
    alert_id, end_s, signature = shape.groups()
    if not hmac.compare_digest(signature, _signature(keyring, f"{alert_id}.{end_s}")):
        raise BadLinkError("the signature does not fit")
    if int(end_s) * 1000 <= now_ms:
        raise ExpiredLinkError(alert_id)
    return alert_id


def _signature(keyring: Keyring, text: str) -> str:
    return base64.urlsafe_b64encode(keyring.signature(_PURPOSE, text)[:_SIGNATURE_BYTES]).decode()

"""Links that stand in status pages' mails: one confirms an address, one ends it. They need no sign-in, can do nothing
else, and can be neither made nor altered elsewhere. Opening one changes nothing: mail scanners open every link."""

from __future__ import annotations

import base64
import hmac
import re
from typing import Literal

from store.keyring import Keyring

Deed = Literal["confirm", "unsubscribe"]
_TOKEN = re.compile(r"(sub_[0-9a-z]{6,40})\.([A-Za-z0-9_-]{32})", re.ASCII)
_SIGNATURE_BYTES = 24  # of 32; a multiple of 3 fills its base64 exactly, so each signature has one spelling


def link_of(keyring: Keyring, public_url: str, slug: str, subscriber_id: str, deed: Deed) -> str:
    """The whole address. It is good as long as the address waits, or is subscribed."""
    return f"{public_url}/status/{slug}/{deed}/{subscriber_id}.{_signature(keyring, subscriber_id, deed)}"


def subscriber_of(keyring: Keyring, token: str, deed: Deed) -> str | None:
    """The id that a link's last part is about; None when Tracer made no such link for this deed."""
    shape = _TOKEN.fullmatch(token)
    if shape is None or not hmac.compare_digest(shape[2], _signature(keyring, shape[1], deed)):
        return None
    return shape[1]


def _signature(keyring: Keyring, subscriber_id: str, deed: Deed) -> str:
    signature = keyring.signature(f"status page: {deed}", subscriber_id)
    return base64.urlsafe_b64encode(signature[:_SIGNATURE_BYTES]).decode()

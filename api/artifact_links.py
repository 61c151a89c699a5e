"""Links that open one artifact, without a key, for five minutes (CONTRACT, "Journeys"; RELIABILITY T24).

A link is `/artifacts/` and three parts: the artifact's id, the end of its life in ms, and a signature over all of it
that only this installation can make. Whoever has it may read that one file until then: nothing else, and nothing more.
One that somebody was led to by the artifact's id names them in a part of its own, and opens nothing once they may not
read it any more (api/artifact_holders.py).
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import NamedTuple

from store.keyring import Keyring

LASTS_MS = 300_000
PATH = "/artifacts/"
_PURPOSE = "read an artifact by a link"
_SIGNATURE_BYTES = 24  # of 32; a multiple of 3 fills its base64 exactly, so each signature has one spelling
_TOKEN = re.compile(
    r"(art_[0-9a-z]{6,40})\.([1-9][0-9]{12,14})(?:\.([a-z]{3,5}(?:_[0-9a-z]{6,40})?))?\.([A-Za-z0-9_-]{32})", re.ASCII
)


class BadLinkError(ValueError):
    """Not a link that Tracer made, or not as it made it; or its time is over. The text is for people."""


class Opened(NamedTuple):
    """What a link is for, and whose it is; None: of whoever has it."""

    artifact_id: str
    holder: str | None


def artifact_path(keyring: Keyring, artifact_id: str, until_ms: int, holder: str | None = None) -> str:
    """The path of a link that is good until then."""
    signed = ".".join([artifact_id, str(until_ms), *([] if holder is None else [holder])])
    return f"{PATH}{signed}.{_signature(keyring, signed)}"


def artifact_of_link(keyring: Keyring, token: str, now_ms: int) -> Opened:
    """What a link's last part opens. BadLinkError."""
    shape = _TOKEN.fullmatch(token)
    if shape is None:
        raise BadLinkError("This is not a link to an artifact as Tracer makes them")
    artifact_id, until_ms, holder, signature = shape.groups()
    if not hmac.compare_digest(signature, _signature(keyring, token.rpartition(".")[0])):
        raise BadLinkError("This link was changed: it is not as Tracer made it")
    if not now_ms < int(until_ms) <= now_ms + LASTS_MS:
        raise BadLinkError(
            "This link has expired: links to artifacts live five minutes. Ask for the run's artifacts anew"
        )
    return Opened(artifact_id, holder)


def _signature(keyring: Keyring, text: str) -> str:
    return base64.urlsafe_b64encode(keyring.signature(_PURPOSE, text)[:_SIGNATURE_BYTES]).decode()

"""Links that open one artifact, without a key, for five minutes (CONTRACT, "Journeys"; RELIABILITY T24).

A link is `/artifacts/` and three parts: the artifact's id, the end of its life in ms, and a signature over both that
only this installation can make. Whoever has the link may read that one file until then: nothing else, and nothing more.
"""

from __future__ import annotations

import base64
import hmac
import re

from store.keyring import Keyring

LASTS_MS = 300_000
PATH = "/artifacts/"
_PURPOSE = "read an artifact by a link"
_SIGNATURE_BYTES = 24  # of 32; a multiple of 3 fills its base64 exactly, so each signature has one spelling
_TOKEN = re.compile(r"(art_[0-9a-z]{6,40})\.([1-9][0-9]{12,14})\.([A-Za-z0-9_-]{32})", re.ASCII)


class BadLinkError(ValueError):
    """Not a link that Tracer made, or not as it made it; or its time is over. The text is for people."""


def artifact_path(keyring: Keyring, artifact_id: str, until_ms: int) -> str:
    """The path of a link that is good until then."""
    signed = f"{artifact_id}.{until_ms}"
    return f"{PATH}{signed}.{_signature(keyring, signed)}"


def artifact_of_link(keyring: Keyring, token: str, now_ms: int) -> str:
    """The id of the artifact that a link's last part opens. BadLinkError."""
    shape = _TOKEN.fullmatch(token)
    if shape is None:
        raise BadLinkError("This is not a link to an artifact as Tracer makes them")
    artifact_id, until_ms, signature = shape.groups()
    if not hmac.compare_digest(signature, _signature(keyring, f"{artifact_id}.{until_ms}")):
        raise BadLinkError("This link was changed: it is not as Tracer made it")
    if not now_ms < int(until_ms) <= now_ms + LASTS_MS:
        raise BadLinkError(
            "This link has expired: links to artifacts live five minutes. Ask for the run's artifacts anew"
        )
    return artifact_id


def _signature(keyring: Keyring, text: str) -> str:
    return base64.urlsafe_b64encode(keyring.signature(_PURPOSE, text)[:_SIGNATURE_BYTES]).decode()

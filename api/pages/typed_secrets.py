"""Secrets typed into the journeys' form, which comes back with every button: no page shows them again.

Where one was typed the form reads ******** from then on, as where one is stored; what was typed goes along sealed, by
the installation's keys and for this sign-in alone, and takes its place again when the form is sent.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable

import msgspec

from api.pages.gate import visitor
from api.pages.journey_draft import Draft
from api.services import services
from model.secrets import MASK, join, split
from store.keyring import Cell, UndecryptableError

FIELD = "typed"
_MOST_CHARACTERS = 2_000_000
_Swap = Callable[[str, str], str]
_decode = msgspec.json.Decoder(dict[str, str]).decode


def hide(draft: Draft) -> str:
    """Mask the draft's secrets; what stood there, sealed. Empty when nothing was typed."""
    typed: dict[str, str] = {}

    def swap(place: str, value: str) -> str:
        if value != MASK:
            typed[place] = value
        return MASK

    _each(draft, swap)
    if not typed:
        return ""
    return base64.urlsafe_b64encode(services().keyring.encrypt(msgspec.json.encode(typed), _cell())).decode()


def put_back(draft: Draft, sealed: str) -> None:
    """What was typed in place of its masks. Nothing, where the seal is not this sign-in's, or not whole: a mask for
    which there is nothing is refused at its field."""
    if not sealed or len(sealed) > _MOST_CHARACTERS:
        return
    try:
        blob = base64.b64decode(sealed, altchars=b"-_", validate=True)
        typed = _decode(services().keyring.decrypt(blob, _cell()))
    except (binascii.Error, ValueError, IndexError, UndecryptableError, msgspec.DecodeError):
        return
    _each(draft, lambda place, value: typed.get(place, value) if value == MASK else value)


def _each(draft: Draft, swap: _Swap) -> None:
    """Every secret of a draft through `swap(place, value)`."""
    for at, row in enumerate(draft.variables):
        if row.get("value"):
            row["value"] = swap(f"variables.{at}", row["value"])
    _headers(draft.fields, "extra_headers", "extra_headers", swap)
    for at, step in enumerate(draft.steps):
        _headers(step, "headers", f"steps.{at}.headers", swap)
        for secret in split({"steps": [{"secret": step.get("secret") or None}]})[1].values():
            step["secret"] = swap(f"steps.{at}.secret", secret)


def _headers(texts: dict[str, str], name: str, place: str, swap: _Swap) -> None:
    """Of headers typed as JSON; what is none is left as it is, for its typist to mend."""
    try:
        found = json.loads(texts.get(name) or "null")
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict):
        return
    masked, secrets = split({"headers": found})
    if secrets:
        given = {path: swap(f"{place}.{path}", value) for path, value in secrets.items()}
        texts[name] = json.dumps(join(masked, given)["headers"], ensure_ascii=False, indent=2)


def _cell() -> Cell:
    who = visitor().caller
    return Cell(who.organization_id, "forms", who.session_id or who.key_id or "", FIELD)

"""Secrets typed into a form that comes back with every button: no page shows them again.

Where one was typed the form reads ******** from then on, as where one is stored; what was typed goes along sealed, by
the installation's keys and for this sign-in alone, and takes its place again when the form is sent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from api.pages.gate import visitor
from api.services import services
from model.secrets import MASK, join, split
from store.keyring import Cell, UndecryptableError

FIELD = "typed"
_MOST_CHARACTERS = 2_000_000
_decode = msgspec.json.Decoder(dict[str, str]).decode
Swap = Callable[[str, str], str]
"""(place in the form, what stands there) -> what takes its place"""


class Form(Protocol):
    """What was typed."""

    def swap_secrets(self, swap: Swap) -> None:
        """Put every secret of it through `swap`."""


def hide(form: Form) -> str:
    """Mask the form's secrets; what stood there, sealed. Empty when nothing was typed."""
    typed: dict[str, str] = {}

    def swap(place: str, value: str) -> str:
        if value != MASK:
            typed[place] = value
        return MASK

    form.swap_secrets(swap)
    if not typed:
        return ""
    return base64.urlsafe_b64encode(services().keyring.encrypt(msgspec.json.encode(typed), _cell())).decode()


def put_back(form: Form, sealed: str) -> None:
    """What was typed in place of its masks. Nothing, where the seal is not this sign-in's, or not whole: a mask for
    which there is nothing is refused at its field."""
    if not sealed or len(sealed) > _MOST_CHARACTERS:
        return
    try:
        blob = base64.b64decode(sealed, altchars=b"-_", validate=True)
        typed = _decode(services().keyring.decrypt(blob, _cell()))
    except (binascii.Error, ValueError, IndexError, UndecryptableError, msgspec.DecodeError):
        return
    form.swap_secrets(lambda place, value: typed.get(place, value) if value == MASK else value)


def swapped_headers(headers: Mapping[str, Any], place: str, swap: Swap, secret: tuple[str, ...] = ()) -> dict[str, Any]:
    """The same headers, those that are secret through `swap`. `secret`: names that their owner says are."""
    masked, secrets = split({"headers": dict(headers), "secret_headers": secret})
    given = {path: swap(f"{place}.{path}", value) for path, value in secrets.items()}
    return dict(join(masked, given)["headers"])


def _cell() -> Cell:
    who = visitor().caller
    return Cell(who.organization_id, "forms", who.session_id or who.key_id or "", FIELD)

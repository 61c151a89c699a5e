"""A check's secrets: parted from its definition and encrypted on the way in, joined again only for probes and edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from model.secrets import join, split
from store.keyring import Cell, Keyring
from store.tables import Check


class SecretWouldShowError(ValueError):
    """An edit would turn a stored secret into a field that everybody reads. `paths`: such as headers.Authorization."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(f"stored as secret and would become readable: {', '.join(paths)}")
        self.paths = list(paths)


def cell_of(organization_id: str, check_id: str) -> Cell:
    """Where a check's secrets are at home."""
    return Cell(organization_id, Check.__tablename__, check_id, "secrets")


def masked(definition: dict[str, Any], keyring: Keyring, cell: Cell) -> tuple[dict[str, Any], bytes | None]:
    """A whole definition -> (the same with secrets masked, their ciphertext or None when there are none)."""
    public, secrets = split(definition)
    return public, keyring.encrypt(msgspec.json.encode(secrets), cell) if secrets else None


def secrets_of(keyring: Keyring, check: Check) -> dict[str, str]:
    """A check's secrets by path, such as headers.Authorization. UndecryptableError when they are not its own."""
    if check.secrets is None:
        return {}
    plain = keyring.decrypt(check.secrets, cell_of(check.organization_id, check.id))
    return msgspec.json.decode(plain, type=dict[str, str])


def whole_definition(keyring: Keyring, check: Check) -> dict[str, Any]:
    """The definition with its secrets in place: for probes' memory and for merging an edit, never for an answer."""
    return join(check.definition, secrets_of(keyring, check))


def refuse_to_show(old_secrets: dict[str, str], public: dict[str, Any]) -> None:
    """SecretWouldShowError when a value that is stored as secret stands readable in the masked new definition.

    Secrets are write-only: whoever may edit a check, but was never told its token, must not learn it by taking the
    header's name off `secret_headers`."""
    shown = []
    for path, value in old_secrets.items():
        group, _, name = path.partition(".")
        holder = public.get(group)
        if value and isinstance(holder, dict) and holder.get(name) == value:
            shown.append(path)
    if shown:
        raise SecretWouldShowError(shown)

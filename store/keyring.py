"""The keyring: secrets are AES-256-GCM at rest, each bound to the one cell it belongs to (R14).

A blob is: format (1 byte), length of the key's id, the id, nonce (12 bytes), ciphertext with its tag. What is
authenticated beside it is the blob's head and the cell's address, so a blob moved to another row, column or
organization decrypts no more than a changed one does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from model.settings import Settings
from store.key_material import (
    FILE_NAME,
    KEY_BYTES,
    KeyringError,
    key_file,
    make_key_file,
    parse_keys,
    read_key_file,
)
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import KeyringCheck
from store.write_lock import Urgency

_FORMAT = 1
_NONCE_BYTES = 12
_KNOWN_TEXT = b"tracer keyring"
_CHECK = "check"
_PEPPER = "pepper"
_log = structlog.get_logger(__name__)


class Cell(NamedTuple):
    """The one place a secret belongs to."""

    organization_id: str
    table: str
    row_id: str
    column: str


class UndecryptableError(KeyringError):
    """A blob was changed, moved, or encrypted under a key that is not here."""


class _Keys:
    """The keys as they are at one time. `head`: what every blob begins with that is encrypted now."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.ciphers = {name.encode(): AESGCM(key) for name, key in keys.items()}
        self.names = tuple(keys)
        current = next(iter(self.ciphers))
        self.head = bytes((_FORMAT, len(current))) + current


class Keyring:
    """Threads may share it. Keys of a file are those that stand there now: a rotation beside this process puts another
    in front, and takes the older one out (store/rotation.py)."""

    def __init__(self, keys: Mapping[str, bytes], pepper: bytes = b"", file: Path | None = None) -> None:
        """`keys` by id, 32 bytes each: the first encrypts, all decrypt. `file`: where they are from, if they are from a
        file. Use `load` outside tests."""
        self._held = _Keys(keys)
        self._mark: tuple[int, int] | None = None  # it may have changed since it was read
        self._file = file
        self._pepper = pepper

    @property
    def head(self) -> bytes:
        """What every blob that this keyring encrypts begins with."""
        return self._now().head

    @property
    def older_keys(self) -> tuple[str, ...]:
        return self._now().names[1:]

    @classmethod
    def load(cls, settings: Settings, database: Database) -> Keyring:
        """The keyring of this installation, proven against the database. KeyringError with a sentence for people when
        there is no key, or not the one that the database's secrets were encrypted under. Needs a migrated database."""
        stored = _stored(database)
        keys = _keys(settings, database, started_before=bool(stored))
        file = key_file(settings)
        keyring = cls(keys, file=file)
        if not stored:
            stored = keyring._found(database)
        try:
            known = keyring.decrypt(stored[_CHECK], _cell(_CHECK))
            pepper = keyring.decrypt(stored[_PEPPER], _cell(_PEPPER))
        except (KeyError, UndecryptableError):
            known, pepper = b"", b""
        if known != _KNOWN_TEXT:
            raise KeyringError(
                "The secrets in this database were encrypted with another key. Put the key back that was used before "
                "(TRACER_SECRET_KEYS, or the file secret.keys in the data directory); a new key may be added in front "
                "of it, never in place of it"
            )
        whole = cls(keys, pepper, file)
        database.seal_with(whole.signature)
        return whole

    def encrypt(self, secret: str | bytes, cell: Cell) -> bytes:
        """A blob for that cell, under the first key."""
        plain = secret.encode() if isinstance(secret, str) else secret
        nonce = os.urandom(_NONCE_BYTES)
        keys = self._now()
        cipher = keys.ciphers[keys.head[2:]]
        return keys.head + nonce + cipher.encrypt(nonce, plain, _associated(keys.head, cell))

    def decrypt(self, blob: bytes, cell: Cell) -> bytes:
        """The secret of that cell. UndecryptableError when the blob is not what was once encrypted for it."""
        length = 2 + (blob[1] if len(blob) > 1 else 0)
        head, nonce, ciphertext = blob[:length], blob[length : length + _NONCE_BYTES], blob[length + _NONCE_BYTES :]
        cipher = self._now().ciphers.get(head[2:])
        if cipher is None or head[0] != _FORMAT or len(nonce) != _NONCE_BYTES:
            raise UndecryptableError(f"the secret of {cell.table} {cell.row_id} is of a key that is not in the keyring")
        try:
            return cipher.decrypt(nonce, ciphertext, _associated(head, cell))
        except InvalidTag:
            raise UndecryptableError(f"the secret of {cell.table} {cell.row_id} was changed or moved") from None

    def hash_key(self, text: str) -> str:
        """What is stored of an API key, a probe's key or a ping token: hex HMAC-SHA-256 under the pepper. The pepper
        is in the database encrypted, so a stolen database says nothing about keys, not even about weak ones."""
        return hmac.new(self._pepper, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    def signature(self, purpose: str, text: str) -> bytes:
        """32 bytes that only this installation can make: HMAC-SHA-256 under a key that serves one purpose alone, so
        what is signed for one can't be shown for another, nor a hash of a key for a signature."""
        key = hmac.new(self._pepper, f"signature\n{purpose}".encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    def _now(self) -> _Keys:
        """The keys there are; read anew if the file has changed. A file that can't be read changes nothing: what it
        held is known."""
        mark = _mark(self._file)
        if mark != self._mark and mark is not None and self._file is not None:
            try:
                keys = read_key_file(self._file)
            except KeyringError as error:
                _log.warning("keyring.unreadable", reason=str(error))
                keys = None
            if keys:
                if tuple(keys) != self._held.names:
                    _log.info("keyring.changed", keys=list(keys))
                self._held, self._mark = _Keys(keys), mark
        return self._held

    def _found(self, database: Database) -> dict[str, bytes]:
        """First start: store the known text and a fresh pepper, unless another process was first."""
        rows = [
            {"name": _CHECK, "secret": self.encrypt(_KNOWN_TEXT, _cell(_CHECK))},
            {"name": _PEPPER, "secret": self.encrypt(os.urandom(KEY_BYTES), _cell(_PEPPER))},
        ]
        insert = sqlite.insert if database.sqlite else postgresql.insert
        with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            # One statement: of two processes that start together, one stores both rows and the other none.
            session.execute(insert(KeyringCheck).values(rows).on_conflict_do_nothing())
        return _stored(database)

    def renew_proof(self, session: Session) -> None:
        """Put the known text and the pepper under the first key: from then on the older keys are needed no more."""
        head = self.head
        for row in session.scalars(select(KeyringCheck).with_for_update()):
            if not row.secret.startswith(head):
                row.secret = self.encrypt(self.decrypt(row.secret, _cell(row.name)), _cell(row.name))


def _stored(database: Database) -> dict[str, bytes]:
    with database.read(EVERY_ORGANIZATION) as session:
        return {row.name: row.secret for row in session.scalars(select(KeyringCheck))}


def _keys(settings: Settings, database: Database, *, started_before: bool) -> dict[str, bytes]:
    named = key_file(settings) if settings.secret_keys else None
    if named is not None:
        keys = read_key_file(named)
        if keys is None:
            raise KeyringError(f"TRACER_SECRET_KEYS: there is no file {named}")
        return keys
    if settings.secret_keys:
        return parse_keys(settings.secret_keys, "TRACER_SECRET_KEYS")
    if not database.sqlite:
        raise KeyringError(
            "With PostgreSQL, TRACER_SECRET_KEYS must be set, to the same value for every process; "
            f'make one with: echo "k1:$(openssl rand -base64 {KEY_BYTES})"'
        )
    file = settings.data_dir / FILE_NAME
    keys = read_key_file(file)
    if keys is not None:
        return keys
    if started_before:
        raise KeyringError(
            f"The database holds encrypted secrets, and the key to them is gone: put {FILE_NAME} back into "
            f"{settings.data_dir}, or set TRACER_SECRET_KEYS to what it held"
        )
    return make_key_file(file)


def _mark(file: Path | None) -> tuple[int, int] | None:
    """What changes whenever a file is replaced; None while there is none."""
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _cell(name: str) -> Cell:
    return Cell("", KeyringCheck.__tablename__, name, "secret")


def _associated(head: bytes, cell: Cell) -> bytes:
    return head + msgspec.json.encode(cell)

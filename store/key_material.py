"""Where the keyring's keys come from: TRACER_SECRET_KEYS, or on SQLite a file of our own in the data directory."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
from pathlib import Path

import structlog

KEY_BYTES = 32
FILE_NAME = "secret.keys"
_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_log = structlog.get_logger(__name__)


class KeyringError(RuntimeError):
    """Secrets can't be read or kept: the message says what to do. Nothing may start."""


def parse_keys(text: str, source: str) -> dict[str, bytes]:
    """`id:base64,id:base64` -> keys by id, in order: the first encrypts, all decrypt. KeyringError names the entry by
    its place, never by its text."""
    keys: dict[str, bytes] = {}
    for place, entry in enumerate(filter(None, re.split(r"[,\s]+", text)), 1):
        name, mark, encoded = entry.partition(":")
        if not mark or not _ID.fullmatch(name):
            raise KeyringError(f"{source}: entry {place} is not id:key, with an id of letters, digits, . _ or -")
        if name in keys:
            raise KeyringError(f"{source}: the id {name} stands there twice")
        keys[name] = _decoded(encoded, f"{source}: the key {name}")
    if not keys:
        raise KeyringError(f"{source} holds no key")
    return keys


def _decoded(encoded: str, what: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise KeyringError(f"{what} is not base64; make one with: openssl rand -base64 {KEY_BYTES}") from None
    if len(key) != KEY_BYTES:
        raise KeyringError(
            f"{what} has {len(key)} bytes in place of {KEY_BYTES}; make one with: openssl rand -base64 {KEY_BYTES}"
        )
    return key


def read_key_file(folder: Path) -> dict[str, bytes] | None:
    """The keys of the file in `folder`; None when there is no file. Its mode is narrowed to 0600 if it was wider."""
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError(f"the keyring {path} can't be read: {error}") from error
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)
        _log.warning("keyring.mode_narrowed", path=str(path))
    return parse_keys(text, f"the keyring {path}")


def make_key_file(folder: Path) -> dict[str, bytes]:
    """A file with one fresh key, on disk before it is used; when another process was first, its file."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{FILE_NAME}.{secrets.token_hex(8)}"
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"k1:{key}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, folder / FILE_NAME)  # whole or not there: no process ever reads half a key
        except FileExistsError:
            pass
        else:
            _sync_folder(folder)
    except OSError as error:
        raise KeyringError(f"the keyring {folder / FILE_NAME} can't be made: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    keys = read_key_file(folder)
    if keys is None:
        raise KeyringError(f"the keyring {folder / FILE_NAME} vanished")
    return keys


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Where the keyring's keys come from: TRACER_SECRET_KEYS, which is the keys or the path of a file that holds them, or
on SQLite a file of our own in the data directory. A file may change while Tracer runs (store/keyring.py)."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from model.settings import Settings

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


def key_file(settings: Settings) -> Path | None:
    """The file that the keys are in, whether it is there yet or not; None when TRACER_SECRET_KEYS is the keys."""
    if not settings.secret_keys:
        return settings.data_dir / FILE_NAME
    return Path(settings.secret_keys) if settings.secret_keys.startswith("/") else None


def read_key_file(path: Path) -> dict[str, bytes] | None:
    """The keys of a file; None when there is no file. Its mode is narrowed to 0600 if it was wider."""
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


def make_key_file(path: Path) -> dict[str, bytes]:
    """A file with one fresh key, on disk before it is used; when another process was first, its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path, {"k1": new_secret()}) as draft, suppress(FileExistsError):
        os.link(draft, path)  # whole or not there: no process ever reads half a key
    keys = read_key_file(path)
    if keys is None:
        raise KeyringError(f"the keyring {path} vanished")
    return keys


def replace_key_file(path: Path, keys: Mapping[str, bytes]) -> None:
    """Other keys, in place of those there are: whoever reads finds the ones or the others."""
    with _draft(path, keys) as draft:
        draft.replace(path)


def new_secret() -> bytes:
    """A fresh key."""
    return secrets.token_bytes(KEY_BYTES)


def spelled(keys: Mapping[str, bytes], between: str = ",") -> str:
    """Keys as TRACER_SECRET_KEYS has them."""
    return between.join(f"{name}:{base64.b64encode(key).decode()}" for name, key in keys.items())


@contextmanager
def _draft(path: Path, keys: Mapping[str, bytes]) -> Iterator[Path]:
    """A file beside it, on disk, to be put in its place; what was done with it is on disk in the end. KeyringError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(spelled(keys, "\n") + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield draft
        _sync_folder(path.parent)
    except OSError as error:
        raise KeyringError(f"the keyring {path} can't be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Takes a journey's secrets out of what it leaves behind: texts, JSON, files (R14, T6). Pure.

Values of four characters and more are masked wherever they stand, in every encoding (model/scrub.py). A shorter one is
masked where it stands alone: `cvv=123` and "123", not the 123 of 41235, or no evidence would be left to read.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import re2

from journeys.definition import JourneyCheck
from model.scrub import Scrubber, forms_of
from model.secrets import MASK, secret_header, split

_SHORTEST = 4
_SHORTEST_IN_BYTES, _SHORTEST_NUMBER_IN_BYTES = 6, 10
"""Of a value in bytes that nobody has read: anything shorter turns up by chance, in pictures or in times."""
_ZIP, _GZIP, _ZLIB = b"PK\x03\x04", b"\x1f\x8b", b"\x78"
_MAX_MEMORY = 64 * 1024 * 1024
_MAX_UNPACKED = 64 * 1024 * 1024
_LAYERS = 3
"""What is packed deeper than this nobody would look for a password in."""
_NOT_PACKED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)


class Secrets:
    """The secret values of one run. More may come while it walks: one-time codes."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values: set[str] = set()
        self.add(*values)

    def add(self, *values: str) -> None:
        """From now on these are masked too."""
        self._values |= {value for value in values if value.strip()}
        long = [value for value in self._values if len(value) >= _SHORTEST]
        short = sorted(self._values.difference(long), key=len, reverse=True)
        self._long = Scrubber(long)
        self._short = re.compile("|".join(_alone(re.escape(value)) for value in short)) if short else None
        distinct = [value for value in long if _is_distinct(value)]
        self._in_text = _searcher([*_encoded(long), *(_boundary(value) for value in short)])
        self._in_bytes = _searcher([*_encoded(distinct), *_wide(distinct)])

    @property
    def values(self) -> frozenset[str]:
        return frozenset(self._values)

    def text(self, text: str) -> str:
        """With each secret replaced by the mask."""
        text = self._long.text(text)
        return text if self._short is None else self._short.sub(MASK, text)

    def tree(self, value: Any, keep: frozenset[str] = frozenset()) -> Any:
        """JSON-like data with every text and number in it masked; what stands under a key of `keep` stays."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: item if key in keep else self.tree(item, keep) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item, keep) for item in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if str(value) in self._values else value
        return value

    def stands_in(self, raw: bytes) -> bool:
        """Whether a text, as bytes, holds a secret that `text` or `tree` would mask. Quick."""
        return self._in_text is not None and self._in_text.search(raw) is not None

    def hides_in(self, raw: bytes, layers: int = _LAYERS) -> bool:
        """Whether a file's bytes hold a secret in any encoding, also in UTF-16, and inside zip, gzip or deflate."""
        if self._in_bytes is None:
            return False
        if self._in_bytes.search(raw) is not None:
            return True
        return layers > 0 and any(self.hides_in(inside, layers - 1) for inside in _unpacked(raw))


def secrets_of(definition: JourneyCheck) -> Iterable[str]:
    """The secret values that a definition holds."""
    return split(definition.model_dump(mode="json", by_alias=True))[1].values()


def is_secret_header(name: str) -> bool:
    """Whether a header's value is one's way into an account, in a request or in an answer."""
    return name.lower() == "set-cookie" or secret_header(name)


def _is_distinct(value: str) -> bool:
    shortest = _SHORTEST_NUMBER_IN_BYTES if value.isdecimal() else _SHORTEST_IN_BYTES
    return len(value.encode()) >= shortest


def _alone(escaped: str) -> str:
    return rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


def _boundary(value: str) -> bytes:
    return b"(?:^|[^A-Za-z0-9])" + _literal(value.encode()) + b"(?:$|[^A-Za-z0-9])"


def _encoded(values: Iterable[str]) -> list[bytes]:
    return [_literal(form.encode()) for value in values for form in forms_of(value)]


def _wide(values: Iterable[str]) -> list[bytes]:
    return [_literal(value.encode(coding)) for value in values for coding in ("utf-16-le", "utf-16-be")]


def _literal(raw: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in raw)


def _searcher(patterns: Iterable[bytes]) -> Any:
    """One pass over the bytes for all of them, however many there are."""
    alternatives = sorted(set(patterns), key=len, reverse=True)
    if not alternatives:
        return None
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MAX_MEMORY
    options.never_capture = True
    options.log_errors = False
    return re2.compile(b"|".join(alternatives), options)


def _unpacked(raw: bytes) -> Iterator[bytes]:
    """What is packed in the bytes, up to a size; nothing where they only look packed."""
    if raw.startswith(_ZIP):
        with suppress(*_NOT_PACKED), zipfile.ZipFile(io.BytesIO(raw)) as packed:
            for name in packed.namelist():
                yield name.encode()
                with packed.open(name) as member:
                    yield member.read(_MAX_UNPACKED)
    elif raw.startswith((_GZIP, _ZLIB)):
        with suppress(*_NOT_PACKED):
            yield zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, _MAX_UNPACKED)

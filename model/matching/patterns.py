"""Regular expressions on RE2: linear time, bounded memory, and a refusal that says why."""

from __future__ import annotations

from functools import lru_cache

import re2

from model.matching.work import TooMuchWorkError

MAX_PATTERN = 2_000
"""Characters of a pattern."""
_MAX_MEMORY = 8 * 1024 * 1024
"""RE2's own default: with less, common patterns lose its fast machine on texts of 1 MB."""
_MAX_PROGRAM = 5_000
"""Instructions of a compiled pattern. Nested repetition makes millions of a short text."""
_MAX_WORK = 500_000_000
"""Instructions x bytes: about a second on RE2's slow machine, a few ms on its fast one."""
_REMEMBERED = 2_048
"""Compiled patterns kept. RE2 fills a pattern's memory only while it runs on long texts."""


class PatternError(ValueError):
    """RE2 refuses the pattern, or it is too large; the message is a sentence's end for people."""


class Pattern:
    """A compiled pattern; found anywhere in a text unless it is anchored."""

    __slots__ = ("_compiled", "_program")

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise PatternError(f"must have at most {MAX_PATTERN} characters")
        options = re2.Options()
        options.max_mem = _MAX_MEMORY
        options.log_errors = False
        options.never_capture = True
        try:
            self._compiled = re2.compile(pattern.encode(), options)
        except UnicodeEncodeError:
            raise PatternError("must not contain a lone surrogate") from None
        except re2.error as error:
            raise PatternError(f"is refused by RE2: {_reason(error)}") from None
        self._program: int = self._compiled.programsize
        if self._program > _MAX_PROGRAM:
            raise PatternError(
                f"is too complex: it compiles to {self._program} instructions, {_MAX_PROGRAM} are allowed"
            )

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches somewhere in the text. Raises TooMuchWorkError on a text too long for it."""
        return self._compiled.search(self._bytes(text)) is not None

    def is_all_of(self, text: str) -> bool:
        """Whether the pattern matches the whole text. Raises TooMuchWorkError."""
        return self._compiled.fullmatch(self._bytes(text)) is not None

    def _bytes(self, text: str) -> bytes:
        raw = text.encode(errors="replace")
        if len(raw) * self._program > _MAX_WORK:
            raise TooMuchWorkError(f"the pattern is too complex for a text of {len(raw)} bytes")
        return raw


@lru_cache(maxsize=_REMEMBERED)
def pattern_of(text: str) -> Pattern:
    """The compiled pattern, remembered. Raises PatternError."""
    return Pattern(text)


_HINTS = {
    "invalid perl operator: (?=": "look-ahead is not supported",
    "invalid perl operator: (?!": "look-ahead is not supported",
    "invalid perl operator: (?<": "look-behind is not supported",
}


def _reason(error: re2.error) -> str:
    first = error.args[0] if error.args else ""
    text = first.decode(errors="replace") if isinstance(first, bytes) else str(first)
    hint = next((hint for beginning, hint in _HINTS.items() if text.startswith(beginning)), None)
    if hint is None and text.startswith("invalid escape sequence: \\") and text[-1:].isdigit():
        hint = "back-references are not supported"
    return f"{text} ({hint})" if hint else text

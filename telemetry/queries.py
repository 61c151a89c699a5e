"""The query language: what `level:error release:web@2 -"known issue" in:5m` means. Terms are ANDed.

level:error  release:x  environment:x  user.id:x  trace_id:x  <tag>:x     an exact value; x* for how it begins
"exact words"  word  wor*                                                 in message and exception
in:5m  after:<time>  before:<time>                                        when it happened
-term                                                                     not that
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from model.times import parse_iso
from telemetry.events import LEVELS
from telemetry.words import words_of

MOST_TERMS = 30
MOST_CHARACTERS = 1000
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
NAME = re.compile(r"[^\W\d][\w.-]{0,199}")


@dataclass(frozen=True)
class Level:
    level: str
    negated: bool = False


@dataclass(frozen=True)
class Field:
    """`name`: release, environment, user.id, trace_id, or a tag. `begins`: the value is only how it begins."""

    name: str
    value: str
    begins: bool = False
    negated: bool = False


@dataclass(frozen=True)
class Words:
    """Words that stand one after the other. `begins`: the last is only how one begins."""

    words: tuple[str, ...]
    begins: bool = False
    negated: bool = False


@dataclass(frozen=True)
class Within:
    """Not longer ago than this."""

    ms: int


@dataclass(frozen=True)
class After:
    """At that time or later."""

    at_ms: int


@dataclass(frozen=True)
class Before:
    at_ms: int


def duration_ms(text: str) -> int | None:
    """`5m` -> 300000; None when it is no duration."""
    found = _DURATION.fullmatch(text)
    return None if found is None else int(found[1]) * _UNITS[found[2]]


Term = Level | Field | Words | Within | After | Before


class BadQueryError(ValueError):
    """`position`: of the character, counted from 0, where the term begins that is wrong."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at position {position})")
        self.position = position


@dataclass(frozen=True)
class _Piece:
    """A term as it was written. `name` is None for free text; `quoted`: the value stood in quotes."""

    position: int
    negated: bool
    name: str | None
    value: str
    quoted: bool


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a query; none for an empty one. BadQueryError."""
    if len(text) > MOST_CHARACTERS:
        raise BadQueryError(f"A query has at most {MOST_CHARACTERS} characters", MOST_CHARACTERS)
    found: list[Term] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        piece, position = _piece(text, position)
        if len(found) == MOST_TERMS:
            raise BadQueryError(f"A query has at most {MOST_TERMS} terms", piece.position)
        found.append(_term(piece))
    return tuple(found)


def _piece(text: str, start: int) -> tuple[_Piece, int]:
    position = start
    negated = text[position] == "-"
    position += negated
    name = None
    head = NAME.match(text, position)
    if head is not None and text[head.end() : head.end() + 1] == ":":
        name, position = head[0], head.end() + 1
    elif text[position : position + 1] == ":":
        raise BadQueryError("There is no name before the colon", start)
    if text[position : position + 1] == '"':
        end = text.find('"', position + 1)
        if end < 0:
            raise BadQueryError("A quotation mark is opened and not closed", position)
        return _Piece(start, negated, name, text[position + 1 : end], quoted=True), end + 1
    end = position
    while end < len(text) and not text[end].isspace() and text[end] != '"':
        end += 1
    return _Piece(start, negated, name, text[position:end], quoted=False), end


def _term(piece: _Piece) -> Term:
    if not piece.value:
        said = "A minus stands before nothing" if piece.name is None else f"There is no value after {piece.name}:"
        raise BadQueryError(said, piece.position)
    if piece.name is None:
        return _words(piece)
    if piece.name in ("in", "after", "before"):
        return _time(piece)
    if piece.name == "level":
        if piece.value not in LEVELS:
            raise BadQueryError(f"A level is one of {', '.join(LEVELS)}", piece.position)
        return Level(piece.value, piece.negated)
    begins = piece.value.endswith("*") and not piece.quoted
    return Field(piece.name, piece.value[:-1] if begins else piece.value, begins, piece.negated)


def _words(piece: _Piece) -> Words:
    begins = piece.value.endswith("*") and not piece.quoted
    words = tuple(words_of(piece.value))
    if not words:
        raise BadQueryError("There is no word in this to look for", piece.position)
    return Words(words, begins, piece.negated)


def _time(piece: _Piece) -> Term:
    if piece.negated:
        raise BadQueryError(f"{piece.name}: can't be negated", piece.position)
    if piece.name == "in":
        length_ms = duration_ms(piece.value)
        if length_ms is None:
            raise BadQueryError("in: takes a number and s, m, h or d, such as in:5m", piece.position)
        return Within(length_ms)
    try:
        at_ms = parse_iso(piece.value)
    except ValueError:
        raise BadQueryError(f"{piece.name}: takes a time such as 2024-01-15T10:30:00Z", piece.position) from None
    return After(at_ms) if piece.name == "after" else Before(at_ms)

"""The kinds of text a definition may hold, each with the sentence a person reads when theirs does not fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from model.ids import looks_like_id
from model.times import iso, parse_iso

MAX_NAME = 200
_TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
MAX_TEXT = 10_000
STORED = {"read": "from the store"}
"""The context in which definitions that were accepted once are read: names are not judged again, so a stricter rule for
them never stops the judging of a check that has long been there."""


@dataclass(frozen=True)
class Shaped:
    """A text that a pattern describes to programs and `words` to people: `Annotated[str, Shaped(r"^[a-z]+$", "must be
    small letters")]`."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, text: str) -> str:
        if re.fullmatch(self.pattern.removeprefix("^").removesuffix("$"), text, re.ASCII) is None:
            raise ValueError(self.words)
        return text


def printable(text: str) -> str:
    """Refuses what no store and no terminal can hold: NUL and lone surrogates."""
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain a lone surrogate")
    return text


def one_line(text: str) -> str:
    """No control characters, none that turn the direction of what follows (Unicode TR 36: a name must not pass for
    another), and something to see. Letters of scripts that run from right to left are what they are."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not contain control characters")
    if not _TURNING.isdisjoint(text):
        raise ValueError(
            "must not contain characters that turn the direction of text (U+202A to U+202E, U+2066 to U+2069)"
        )
    if not text.strip():
        raise ValueError("must not be blank")
    return printable(text)


def _name(text: str, info: ValidationInfo) -> str:
    return text if info.context is STORED else one_line(text)


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name[:60]!r} is not an IANA time zone such as Europe/Berlin") from None
    return name


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError("must have five fields: minute hour day-of-month month day-of-week")
    try:
        CronSim(text, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"is not a cron expression: {error}") from None
    return text


def _instant(text: str) -> str:
    return iso(parse_iso(text)) or text


def _check_id(text: str) -> str:
    if not (looks_like_id(text, "mon") or looks_like_id(text, "jny")):
        raise ValueError("must be the id of a monitor or journey, such as mon_01h…")
    return text


def _as_text(value: Any) -> Any:
    """A project's number is a number in YAML."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(printable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), AfterValidator(_name)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_name)]
LocationName = Annotated[
    str, Shaped(r"^[a-z0-9-]{1,64}$", "must be 1 to 64 small letters, digits and hyphens, such as eu-west")
]
WebAddress = Annotated[Text, Shaped(r"^https?://\S+$", "must be a web address that begins with https:// or http://")]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(printable), AfterValidator(_time_zone)]
Cron = Annotated[str, StringConstraints(max_length=200), AfterValidator(printable), AfterValidator(_cron)]
Instant = Annotated[str, StringConstraints(max_length=40), AfterValidator(_instant)]
CheckId = Annotated[str, StringConstraints(max_length=60), AfterValidator(_check_id)]
ProjectName = Annotated[
    str,
    BeforeValidator(_as_text),
    Shaped(r"^[a-z0-9_-]{1,64}$", "must be a project: its number, slug or id"),
]
"""A project, by whatever people call it: its number, slug or id."""

"""What an issue is called outside: its number, written so that people can say it."""

from __future__ import annotations

from model.ids import CROCKFORD

_CHARACTERS = 8


def issue_id(number: int) -> str:
    """`iss_0000002v`."""
    text = ""
    while number:
        number, place = divmod(number, len(CROCKFORD))
        text = CROCKFORD[place] + text
    return f"iss_{text.rjust(_CHARACTERS, '0')}"


def issue_number(text: str) -> int | None:
    """None when it is no issue's id."""
    number = 0
    for character in text.removeprefix("iss_"):
        if character not in CROCKFORD:
            return None
        number = number * len(CROCKFORD) + CROCKFORD.index(character)
    return number if text.startswith("iss_") and 0 < number < 1 << 53 else None

"""Colours that people choose, and what can be read on them: contrast as WCAG 2 counts it. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

READABLE = 4.5
"""WCAG 2.2, 1.4.3: the contrast that text needs."""


def _colour(text: str) -> str:
    if len(text) != 7 or text[0] != "#" or any(digit not in "0123456789abcdef" for digit in text[1:].lower()):
        raise ValueError("must be a colour such as #2b59c3: # and six hexadecimal digits")
    return text.lower()


Colour = Annotated[str, AfterValidator(_colour), Field(json_schema_extra={"pattern": "^#[0-9a-fA-F]{6}$"})]


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_on(ground: str) -> str:
    """Black or white, whichever can be read better on this ground: one of them always can."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, ground))


def readable(colour: str, *grounds: str) -> str:
    """The colour, or the nearest shade of it toward black or white that can be read on all of these grounds."""
    ends = (ink_on(grounds[0]), "#000000", "#ffffff")
    for end in ends:
        for step in range(51):
            shade = _mixed(colour, end, step / 50)
            if all(contrast(shade, ground) >= READABLE for ground in grounds):
                return shade
    return ends[0]


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in bytes.fromhex(colour[1:]))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)


def _mixed(one: str, other: str, share: float) -> str:
    parts = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + bytes(round(mine + (its - mine) * share) for mine, its in parts).hex()

"""Selectors as people write them: Playwright's own (CSS, `text=`, `role=`, XPath, chained with `>>`).

Playwright alone knows its grammar, and only in a browser, so a selector is judged in full when a run uses it. What can
be told without one is told when a journey is saved: a bracket or quote that is never closed.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from model.fields import printable

MAX_SELECTOR = 2_000
FRAME_IN_FRAME = " >>> "
"""Stands in `frame` between the selector of an iframe and that of an iframe inside it."""

_ENGINE = re.compile(r"\s*(?:css(?::light)?\s*=)?")
_OTHER_ENGINE = re.compile(r"\s*(?:[a-zA-Z_][a-zA-Z0-9_:-]*\s*=(?!=)|/{2}|\(+//|\.\.|[\"'])")
_PAIRS = {")": "(", "]": "["}


def _selector(text: str) -> str:
    printable(text)
    if not text.strip():
        raise ValueError("must not be blank")
    for part in text.split(">>"):
        if "{{" not in part and not _OTHER_ENGINE.match(part.removeprefix("css=")):
            _closed(_ENGINE.sub("", part, count=1))
    return text


def _closed(css: str) -> None:
    """Raises ValueError, with the character that is left open, or closes nothing."""
    opened: list[str] = []
    quote = ""
    characters = iter(css)
    for character in characters:
        if character == "\\":
            next(characters, None)
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            opened.append(character)
        elif character in _PAIRS and (not opened or opened.pop() != _PAIRS[character]):
            raise ValueError(f"is not a selector: a {character} closes nothing")
    if quote or opened:
        raise ValueError(f"is not a selector: a {quote or opened[-1]} is never closed")


Selector = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SELECTOR), AfterValidator(_selector)]

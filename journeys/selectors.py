"""Selectors as people write them: Playwright's own (CSS, `text=`, `role=`, XPath, chained with `>>`).

Playwright alone knows its grammar, and only in a browser, so a selector is judged in full when a run uses it. What can
be told without one is told when a journey is saved: a bracket or quote that is never closed, a role that there is not.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from model.fields import printable

MAX_SELECTOR = 2_000
FRAME_IN_FRAME = " >>> "
"""Stands in `frame` between the selector of an iframe and that of an iframe inside it."""

_ENGINE = re.compile(r"\s*(?:(?:css(?::light)?|xpath)\s*=)?")
_OTHER_ENGINE = re.compile(r"\s*(?:[a-zA-Z_][a-zA-Z0-9_:-]*\s*=(?!=)|/{2}|\(+//|\.\.|[\"'])")
_XPATH = re.compile(r"\s*(?:xpath\s*=|/{2}|\(+//|\.\.)")
_ROLE = re.compile(r"\s*role\s*=\s*([a-zA-Z]+)")
_ROLE_NAMES = """
    alert alertdialog application article banner blockquote button caption cell checkbox code columnheader combobox
    comment complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic
    grid gridcell group heading image img insertion link list listbox listitem log main mark marquee math menu menubar
    menuitem menuitemcheckbox menuitemradio meter navigation none note option paragraph presentation progressbar radio
    radiogroup region row rowgroup rowheader scrollbar search searchbox separator slider spinbutton status strong
    subscript suggestion superscript switch tab table tablist tabpanel term textbox time timer toolbar tooltip tree
    treegrid treeitem
"""
"""WAI-ARIA 1.2, and those of 1.3 that browsers know already."""
_ROLES = frozenset(_ROLE_NAMES.split())
_PAIRS = {")": "(", "]": "["}


def _selector(text: str) -> str:
    printable(text)
    if not text.strip():
        raise ValueError("must not be blank")
    for part in text.split(">>"):
        if "{{" in part:
            continue
        role = _ROLE.match(part)
        if role is not None:
            _known_role(role[1])
        elif _XPATH.match(part) or not _OTHER_ENGINE.match(part.removeprefix("css=")):
            _closed(_ENGINE.sub("", part, count=1))
    return text


def _known_role(name: str) -> None:
    if name.lower() not in _ROLES:
        near = difflib.get_close_matches(name.lower(), _ROLES, 1)
        hint = f": did you mean {near[0]}?" if near else " (WAI-ARIA)"
        raise ValueError(f"names a role that does not exist, {name}{hint}")


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

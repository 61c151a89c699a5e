"""What an event can be found by: the words of its texts, and terms such as `release:web@2.4.1`, all as tokens.

The same tokens are made of an event when it is stored and of a query when it is asked, so no store parses any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

MOST_WORDS = 400
LONGEST = 64
_WORD = re.compile(r"[^\W_]+")
_MARK = "\ue000"
"""Begins a term: no letter or digit, so no word is ever taken for one."""


def words_of(text: str, most: int = MOST_WORDS) -> list[str]:
    """`Can't read user_id` -> [can, t, read, user, id]."""
    found = []
    for match in _WORD.finditer(text.casefold()):
        found.append(match[0][:LONGEST])
        if len(found) == most:
            break
    return found


def term(name: str, value: str) -> str:
    """The token of one exact value of a field or tag."""
    return _MARK + blake2b(f"{name}\0{value}".encode(), digest_size=8).hexdigest()


def searchable(terms: Iterable[str], text: str) -> str:
    """What is stored to be searched: each token between spaces, terms first."""
    return f" {' '.join([*terms, *words_of(text)])} "

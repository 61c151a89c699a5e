"""A bound on work whose size a stranger decides: counted steps, so that the same input always ends the same way."""

from __future__ import annotations

import threading


class TooMuchWorkError(Exception):
    """The steps are used up. The text says, for people, what was too much."""


class Steps(threading.local):
    """A count that falls with each step of the evaluation this thread is in; libraries that call us back find it
    where it is, since they hand nothing through."""

    def __init__(self) -> None:
        self._left = 0
        self._refusal = ""

    def begin(self, limit: int, refusal: str) -> None:
        """Allow `limit` steps from here; `refusal` is the sentence when they are used up."""
        self._left = limit
        self._refusal = refusal

    def spend(self, steps: int = 1) -> None:
        """Raises TooMuchWorkError."""
        self._left -= steps
        if self._left < 0:
            raise TooMuchWorkError(self._refusal)

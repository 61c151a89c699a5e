"""What goes a little at a time: a pass over all that may go, a step of it at each call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator


class InPasses(ABC):
    """One pass after another. One thread at a time; a job drives it:

    while retention.step():
        pause()                     50 ms, say: others write meanwhile
    """

    _pass: Iterator[object] | None = None

    def step(self) -> bool:
        """Go on by one step, which is a write of some 5 ms. True: there may be more; pause, then call again. False: the
        pass is over, nothing that may go was left; the next call begins a new one."""
        current, self._pass = self._pass or self._everything(), None
        for _ in current:  # whatever it raises ends the pass: the next call begins a new one
            self._pass = current
            return True
        return False

    @abstractmethod
    def _everything(self) -> Iterator[object]:
        """A pass: something for each step."""

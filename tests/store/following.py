"""A reader that follows a feed of numbers while others write to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence


def seen_by_a_follower(writers: Sequence[Callable[[], None]], after: Callable[[int], Iterable[int]]) -> list[int]:
    """The numbers that `after(the last one it has)` gave it, from before the writers began until they were done."""
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        while True:
            finished = done.is_set()
            seen.extend(after(seen[-1] if seen else 0))
            if finished:
                return

    threads = [threading.Thread(target=writer) for writer in writers]
    follower = threading.Thread(target=follow)
    for thread in (follower, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()
    return seen

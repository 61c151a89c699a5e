"""Named places at which a process kills itself, once: between a result and the receiver's answer (RELIABILITY, 3.3).

`dies_at:PLACE` instead of the name of a sabotage. The first process that comes there dies (SIGKILL); a file in its data
directory says so, and from then on everybody passes.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACES = (
    "results_written",
    "alert_inserted",
    "outbox_inserted",
    "before_commit",
    "after_commit",
    "claimed",
    "sent",
    "recorded",
)


def install(place: str) -> None:
    """Make this process die at that place."""
    if place in ("claimed", "sent", "recorded"):
        _while_sending(place)
    else:
        _while_recording(place)


def die_once() -> None:
    mark = Path(os.environ["TRACER_TEST_DIED"])
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _while_recording(place: str) -> None:
    from alerts import lifecycle, record, telling
    from store.notifications import OUTBOX_TOPIC
    from store.wakeups import Wakeups

    if place == "results_written":
        judge = record.judge

        def judged(session: Any, book: Any, entered: Any, *rest: Any) -> None:
            if any(done.status.value == "failed" for done in entered):
                die_once()
            judge(session, book, entered, *rest)

        record.judge = judged  # type: ignore[assignment]
    elif place == "alert_inserted":
        lifecycle.tell = _before(lifecycle.tell)  # type: ignore[assignment]
    elif place == "outbox_inserted":
        telling.enqueue = _after(telling.enqueue)  # type: ignore[assignment]
    else:
        name = "in_transaction" if place == "before_commit" else "after_commit"
        passes = getattr(Wakeups, name)

        def ends(self: Any, *given: Any) -> None:
            if OUTBOX_TOPIC in given[-1]:
                die_once()
            passes(self, *given)

        setattr(Wakeups, name, ends)


def _while_sending(place: str) -> None:
    from alerts.sending import service

    def reached(point: str, _ids: Any) -> None:
        if point == place:
            die_once()

    service.Sender = functools.partial(service.Sender, reached=reached)  # type: ignore[assignment, misc]


def _before(function: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*given: Any, **named: Any) -> Any:
        die_once()
        return function(*given, **named)

    return dies


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*given: Any, **named: Any) -> Any:
        answer = function(*given, **named)
        die_once()
        return answer

    return dies

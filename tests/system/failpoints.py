"""Named places at which a process kills itself: between a result and the receiver's answer (RELIABILITY, 3.3).

A place is armed by writing its name into the file that TRACER_TEST_ARMED names. The first process that comes there
takes the file away, notes in another beside it which notifications it was sending just then, and dies (SIGKILL).
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WHILE_RECORDING = ("results_written", "alert_inserted", "outbox_inserted", "before_commit", "after_commit")
WHILE_SENDING = ("claimed", "sent", "recorded")
PLACES = (*WHILE_RECORDING, *WHILE_SENDING)
_being_sent: set[str] = set()
"""Ids of notifications that may have been sent and are not recorded."""


def die_at(place: str) -> None:
    armed = Path(os.environ["TRACER_TEST_ARMED"])
    try:
        if armed.read_text() != place:
            return
        armed.unlink()
    except FileNotFoundError:
        return
    with in_flight_file(armed).open("a") as deaths:
        deaths.write(" ".join(sorted(_being_sent)) + "\n")
    os.kill(os.getpid(), signal.SIGKILL)


def in_flight_file(armed: Path) -> Path:
    """A line a death: the ids that a receiver may get again because of it."""
    return armed.with_suffix(".in_flight")


def install() -> None:
    """Make this process able to die at every place."""
    from alerts import lifecycle, record, telling
    from alerts.sending import service
    from store.notifications import OUTBOX_TOPIC
    from store.wakeups import Wakeups

    judge = record.judge

    def judged(session: Any, book: Any, entered: Any, *rest: Any) -> None:
        if any(done.status.value == "failed" for done in entered):
            die_at("results_written")
        judge(session, book, entered, *rest)

    def ends(passes: Callable[..., None], place: str) -> Callable[..., None]:
        def end(self: Any, *given: Any) -> None:
            if OUTBOX_TOPIC in given[-1]:
                die_at(place)
            passes(self, *given)

        return end

    record.judge = judged  # type: ignore[assignment]
    lifecycle.tell = _before(lifecycle.tell, "alert_inserted")  # type: ignore[assignment]
    telling.enqueue = _after(telling.enqueue, "outbox_inserted")  # type: ignore[assignment]
    Wakeups.in_transaction = ends(Wakeups.in_transaction, "before_commit")  # type: ignore[method-assign]
    Wakeups.after_commit = ends(Wakeups.after_commit, "after_commit")  # type: ignore[method-assign]
    service.Sender = functools.partial(  # type: ignore[assignment, misc]
        service.Sender, reached=_sending
    )


def _sending(place: str, ids: Sequence[str]) -> None:
    if place == "recorded":
        _being_sent.difference_update(ids)
    die_at(place)
    if place == "claimed":
        _being_sent.update(ids)


def _before(function: Callable[..., Any], place: str) -> Callable[..., Any]:
    def dies(*given: Any, **named: Any) -> Any:
        die_at(place)
        return function(*given, **named)

    return dies


def _after(function: Callable[..., Any], place: str) -> Callable[..., Any]:
    def dies(*given: Any, **named: Any) -> Any:
        answer = function(*given, **named)
        die_at(place)
        return answer

    return dies

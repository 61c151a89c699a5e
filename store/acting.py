"""Who acts: said by whoever let them in, read where a change is written down (store/audit.py).

A ContextVar, so that no function between a request and its rows has to pass it on. Nobody said: Tracer itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple

ActorKind = Literal["person", "key", "probe", "tracer"]


class Actor(NamedTuple):
    """`id`: of the person, key or probe; None for Tracer, and for whoever holds a link. `name`: as people know them.
    `address`: where the request came from; `request_id`: the one on our log lines and in the answer."""

    kind: ActorKind
    id: str | None
    name: str
    address: str | None = None
    request_id: str | None = None


TRACER: Final = Actor("tracer", None, "Tracer")
"""The schedulers, the senders, a start: whatever nobody asked for."""
_acting: ContextVar[Actor] = ContextVar("acting", default=TRACER)


def actor() -> Actor:
    """Who acts now."""
    return _acting.get()


def act_as(who: Actor) -> None:
    """From now on, in this thread or task, `who` acts: until `stop_acting`."""
    _acting.set(who)


def stop_acting() -> None:
    """Tracer acts again."""
    _acting.set(TRACER)


@contextmanager
def acting(who: Actor) -> Iterator[None]:
    """`who` acts in this block."""
    before = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(before)

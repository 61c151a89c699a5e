"""The seals of the audit log, and the search for what was done to it. Pure: rows come in, sentences go out.

The seal of an event covers all of its fields and the seal of the event before it, so an event that was changed, added,
taken out or moved breaks the chain there. The head's own seal says how many there are, so the end can't be cut off.
Seals are HMACs under the keyring's pepper: whoever can write to the database alone can't make one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

Sign = Callable[[str, str], bytes]
"""(purpose, text) -> 32 bytes that only this installation can make: store.keyring.Keyring.signature."""
START = ""
"""What stands before the first event."""
_EVENT = "audit event"
_HEAD = "audit head"
SEALED = (
    "organization_id", "number", "id", "at_ms", "actor_kind", "actor_id", "actor_name", "address", "request_id",
    "action", "target_kind", "target_id", "target_name", "before", "after",
)  # fmt: skip
"""The fields of an event in the order in which they are sealed."""


class Event(Protocol):
    """An event as it is stored: SEALED, and its seal."""

    number: int
    id: str
    chain: str


class Head(Protocol):
    """What the log says of its own ends. `base_*`: of the last event that the operator has pruned; 0 and START before
    the first."""

    organization_id: str
    number: int
    chain: str
    base_number: int
    base_chain: str
    seal: str


def seal_event(sign: Sign, previous: str, event: object) -> str:
    """The chain value of an event after one whose chain value is `previous`."""
    fields = [getattr(event, name) for name in SEALED]
    return sign(_EVENT, msgspec.json.encode([previous, *fields]).decode()).hex()


def seal_head(sign: Sign, head: Head) -> str:
    """The seal of a log's ends."""
    ends = [head.organization_id, head.number, head.chain, head.base_number, head.base_chain]
    return sign(_HEAD, msgspec.json.encode(ends).decode()).hex()


def faults(sign: Sign, events: Iterable[Event], head: Head | None) -> Iterator[str]:
    """What is wrong with an organization's log, a sentence each; nothing when it is as it was written. `events`: all
    of them, by number."""
    previous, number = (START, 0) if head is None else (head.base_chain, head.base_number)
    for event in events:
        if event.number <= number:
            yield f"event {event.number} ({event.id}) stands there twice, or was pruned"
            continue
        if event.number > number + 1:
            yield f"{_named(number + 1, event.number - 1)} missing"
        elif seal_event(sign, previous, event) != event.chain:
            yield f"event {event.number} ({event.id}) is not as it was written"
        previous, number = event.chain, event.number
    if head is None:
        yield "the end of the log is not recorded: it was taken away"
    elif seal_head(sign, head) != head.seal:
        yield "the record of the log's end is not as it was written"
    elif head.number > number:
        yield f"{_named(number + 1, head.number)} missing at the end"
    elif head.number < number:
        yield f"{_named(head.number + 1, number)} not in the record of the log's end"
    elif head.chain != previous:
        yield f"event {number} is not the one that the record of the log's end names"


def _named(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"

"""Which trace a run begins at its target, and back: which runs a trace may be of. Pure, so nothing about it is stored.

A slot's run is named by a UUID, which is its trace id; one asked for by hand by 22 characters, which are a number.
Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import hashlib
import re
from random import getrandbits
from typing import Annotated

from pydantic import Field

from model.ids import CROCKFORD

HEADER = "traceparent"
Traceparent = Annotated[
    bool,
    Field(
        description="whether requests carry a W3C traceparent, so that what the service reports stands beside the run"
    ),
]
_OF_A_SLOT = re.compile(r"run_([0-9a-f]{32})", re.ASCII)
_BY_HAND = re.compile(rf"run_([{CROCKFORD}]{{22}})", re.ASCII)
_TRACE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_CHARACTERS = 22


def trace_id_of(run_id: str) -> str:
    """32 hexadecimal digits, the same for all attempts and requests of a run. Of a run that is stored nowhere, such as
    `tracer check`'s, a digest."""
    slot = _OF_A_SLOT.fullmatch(run_id)
    if slot is not None:
        return slot[1]
    by_hand = _BY_HAND.fullmatch(run_id)
    if by_hand is None:
        return hashlib.blake2b(run_id.encode(), digest_size=16).hexdigest()
    number = 0
    for character in by_hand[1]:
        number = number * len(CROCKFORD) + CROCKFORD.index(character)
    return f"{number:032x}"


def runs_of_trace(trace_id: str) -> tuple[str, ...]:
    """The ids of the runs that this trace would be of; most traces are of none."""
    if not _TRACE.fullmatch(trace_id):
        return ()
    number, text = int(trace_id, 16), ""
    for _ in range(_CHARACTERS):
        number, place = divmod(number, len(CROCKFORD))
        text = CROCKFORD[place] + text
    return (f"run_{trace_id}",) if number else (f"run_{trace_id}", f"run_{text}")


def looks_like_a_run(trace_id: str) -> bool:
    """Whether a trace may be of a run: true of every run's, and of one in sixty of those that others began."""
    if not _TRACE.fullmatch(trace_id):
        return False
    return (trace_id[12] == "5" and trace_id[16] in "89ab") or trace_id.startswith("0000")


def traceparent_of(run_id: str) -> str:
    """The header's value for one request of a run: a span of its own, sampled."""
    return f"00-{trace_id_of(run_id)}-{getrandbits(56):014x}01-01"  # a span of zeros alone would be none

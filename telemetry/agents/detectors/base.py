"""What a detector is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Recording

MOST_EVIDENCE = 50
_MOST_NAME = 60


class Finding(msgspec.Struct):
    """That a run shows something. `confidence`: 0 to 1, two decimals, by the rule of its detector. `step`: of the
    event where it begins (its `seq` where it has no step). `evidence`: the `seq` of the events that show it, rising;
    of many the first and the last. `explanation`: a sentence for people."""

    label: str
    confidence: float
    step: int
    evidence: list[int]
    explanation: str = ""


class Detector(NamedTuple):
    """`find` gives the first place of a run where it shows. `cause`: what it finds makes others come about; the rest
    are symptoms, and circumstances. `plan`: what people do about it, one thing after the other."""

    label: str
    find: Callable[[Recording], Finding | None]
    cause: bool
    plan: tuple[str, ...]


def finding(label: str, confidence: float, at: Fact, evidence: Sequence[Fact], explanation: str) -> Finding:
    """`at`: where it begins."""
    seqs = sorted({fact.seq for fact in evidence})
    if len(seqs) > MOST_EVIDENCE:
        seqs = [*seqs[: MOST_EVIDENCE - 1], seqs[-1]]
    return Finding(label, round(confidence, 2), at.step, seqs, explanation)


def rising(least: float, each: float, more: int, most: float) -> float:
    """A confidence that grows with each occurrence beyond what is needed."""
    return min(most, least + each * more)


def shown(name: str) -> str:
    """A tool's name, or words of a trace, in a sentence: short, in one line, in quotes."""
    text = "".join(character if character.isprintable() else " " for character in name[: _MOST_NAME + 1])
    return f"'{text}'" if len(text) <= _MOST_NAME else f"'{text[:_MOST_NAME]}…'"

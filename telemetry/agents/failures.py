"""What a failure was, so that the same one is known again: the critical step, the error, and what they were about.

Two failures are of one cluster when their signatures come to the same key, which is a function of each alone: so the
clusters are the same in whatever order failures arrive, and however often one is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from telemetry.agents.detectors.base import Finding
from telemetry.agents.detectors.registry import LABELS
from telemetry.agents.facts import Fact
from telemetry.agents.met import arguments_in, met
from telemetry.agents.recordings import Call, Recording
from telemetry.agents.targets import target_of
from telemetry.fingerprints import plain

UNLABELLED = "unhandled_error"
"""Of an incident that only alerts have told of: what failed has no label of its own."""
_MOST_SUSPECTS = 20
_MOST_STEP, _MOST_TITLE = 300, 300
_DEEPEST, _MOST_NAMES = 4, 50
_ORDER = {label: place for place, label in enumerate(LABELS)}
_WORDS = {
    "connect_refused": "refuses connections",
    "dns_failure": "has a name that can't be resolved",
    "tls_error": "fails in TLS",
    "timeout": "does not answer in time",
    "protocol_error": "breaks connections off",
    "too_many_redirects": "redirects without end",
    "body_too_large": "answers with too much",
    "connect_failed": "can't be connected to",
    "blocked_address": "is at an address that probes refuse",
    "heartbeat_missed": "was not heard of in time",
    "heartbeat_failed": "says that it failed",
    "response_time": "is slow",
    "certificate_expiry": "has a certificate that runs out",
    "no_data": "is not measured",
    "consecutive_failures": "fails again and again",
    "failure_rate": "fails too often",
}


class Signature(msgspec.Struct, frozen=True):
    """`label`: of the detector, "" where none looked. `step`: the critical one, without what differs each time. `how`:
    it failed (telemetry/agents/met.py), None where no error was met. `target`: what the error was about, where that is
    known. `called`: how people know the target, if not by itself."""

    label: str
    step: str
    how: str | None = None
    target: str | None = None
    called: str | None = None


class Cluster(msgspec.Struct, frozen=True):
    """What failures of one kind have in common. `title`: for people."""

    key: str
    title: str


def cluster_of(signature: Signature) -> Cluster:
    """By what failed how, where an error of a known target was met, whatever the label; else by label, step, error."""
    if signature.target is not None and signature.how is not None:
        return Cluster(_digest("target", signature.target, signature.how), _title_of_target(signature))
    parts = (signature.label, signature.step, signature.how or "")
    label = (signature.label or UNLABELLED).replace("_", " ").capitalize()
    shown = f"{label} at {signature.called or signature.step or 'an unknown step'}"
    if signature.how:
        shown += f": it {_WORDS[signature.how]}" if signature.how in _WORDS else f": {signature.how}"
    return Cluster(_digest("step", *parts), _short(shown))


def label_of(tally: Mapping[str, int]) -> str:
    """The most common one; of several the first in the registry."""
    return min(tally, key=lambda label: (-tally[label], rank(label)), default=UNLABELLED)


def rank(label: str) -> int:
    """The place of a label in the registry."""
    return _ORDER.get(label, len(_ORDER))


class Suspect(NamedTuple):
    """An event that the critical step may be: a call with what answered it, or one that stands alone."""

    asked: Fact
    told: Fact | None
    error: str | None


def suspects_of(recording: Recording, finding: Finding) -> list[Suspect]:
    """The calls and events that show a finding, in order. An error that belongs to no call stands before the call that
    came just before it."""
    places = {fact.seq: place for place, fact in enumerate(recording.facts)}
    by_call = {call.place: call for call in (*recording.calls, *recording.generations)}
    seqs = finding.evidence or [fact.seq for fact in recording.facts if fact.step == finding.step][:1]
    found: dict[int, Suspect] = {}
    for seq in seqs:
        place = places.get(seq)
        if place is None:
            continue
        call = by_call.get(place) or recording.answering.get(place)
        if call is not None:
            found.setdefault(call.fact.seq, _of_call(call))
            continue
        fact = recording.facts[place]
        found.setdefault(seq, Suspect(fact, fact, fact.error))
        before = next((each for each in reversed(recording.calls) if each.place < place), None)
        if fact.type in ("error", "end") and before is not None:
            found.setdefault(before.fact.seq, _of_call(before))
    return list(found.values())[:_MOST_SUSPECTS]


def seqs_of(suspects: Iterable[Suspect]) -> list[int]:
    """Of the events whose payloads signature_of has to see."""
    return sorted({fact.seq for suspect in suspects for fact in (suspect.asked, suspect.told) if fact is not None})


def signature_of(label: str, suspects: Iterable[Suspect], payloads: Mapping[int, Any]) -> Signature:
    """Of the first of them that met an error of a known target; else of the first, with the first error that was met.
    A pure function of what they say."""
    first: Suspect | None = None
    how: str | None = None
    for suspect in suspects:
        asked = payloads.get(suspect.asked.seq) if suspect.asked.type == "tool_call" else None
        told = None if suspect.told is None else payloads.get(suspect.told.seq)
        found = met(asked, told, suspect.error)
        first, how = first or suspect, how if how is not None else found.how
        if found.how is not None and found.target is not None:
            return Signature(label, step_of(suspect.asked, asked), found.how, found.target)
    step = "" if first is None else step_of(first.asked, payloads.get(first.asked.seq))
    return Signature(label, step, how)


def step_of(fact: Fact, payload: Any) -> str:
    """A tool and the shape of its arguments: their names, and what kind each is; of an address, what it leads to. What
    else a call says (ids, clocks, counts) is no part of it, and to have no arguments is the same however it is said."""
    if fact.type != "tool_call":
        return " ".join(filter(None, (fact.type, fact.tool)))[:_MOST_STEP]
    arguments = arguments_in(payload)
    return f"{fact.tool}({'' if arguments is None else _shape(arguments, 0)})"[:_MOST_STEP]


def _of_call(call: Call) -> Suspect:
    return Suspect(call.fact, call.answered, call.error)


def _shape(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return target_of(value.strip()) or "text"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if value is None:
        return "nothing"
    if depth >= _DEEPEST:
        return "more"
    if isinstance(value, list):
        return f"[{', '.join(sorted({_shape(item, depth + 1) for item in value[:_MOST_NAMES]}))}]"
    names = sorted(value)[:_MOST_NAMES] if isinstance(value, dict) else []
    shapes = dict.fromkeys(f"{plain(name)}: {_shape(value[name], depth + 1)}" for name in names)
    inside = ", ".join(shapes)
    return inside if depth == 0 else f"{{{inside}}}"


def _title_of_target(signature: Signature) -> str:
    named, how = signature.called or signature.target or "", signature.how or ""
    if how.startswith("HTTP "):
        return _short(f"{named} answers {how.removeprefix('HTTP ')}")
    return _short(f"{named} {_WORDS[how]}" if how in _WORDS else f"{named}: {how or 'it failed'}")


def _short(title: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in title)
    return text if len(text) <= _MOST_TITLE else f"{text[: _MOST_TITLE - 1]}…"


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).hexdigest()

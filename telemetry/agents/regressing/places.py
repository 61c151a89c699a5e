"""Where an incident begins, and whether a run that went well came past it: pure functions of recordings.

A run that never came there proves nothing, however well it went. What a place is follows from the critical step:

- an error of a known address: an answer of that address that is no error. Where only the error names the address (a
  click, a tool that asks it by itself), the same step of the same tool counts too;
- a call: the same step (tool and shape of arguments, as in the incident's key), answered without an error. Where the
  failing calls had no answers on record, none is asked for; where a failure was ignored, the call may fail again: the
  run shows nothing, so somebody took notice;
- a generation that failed: one of the same model that did not;
- an error of no call: the call before it, in a run that is as long as it was up to there.

Some failures have no place of their own: an end that came too early, silence, cost, a context that is full, states and
words that go round in circles. There the proof is a good end after more events (of a context also: as many generations;
of cost: what lets it be judged) than there were where it began, in the longest of its recorded runs. What stands at a
call of a tool has that call as its place as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from telemetry.agents.detectors.base import Finding
from telemetry.agents.detectors.cost_spike import LEAST_PRICED
from telemetry.agents.facts import Fact
from telemetry.agents.failures import Suspect, step_of
from telemetry.agents.met import met
from telemetry.agents.recordings import Call, Recording

Payloads = Callable[[Sequence[int]], Mapping[int, Any]]
"""The payloads of events of a run, by `seq`."""
_NOWHERE = ("premature_end", "cost_spike", "stall", "context_overflow")
_OF_GENERATIONS = ("retry_storm", "unhandled_error")
_QUIET = ("log", "screenshot")
_GOOD_ENDS = frozenset(
    {"", "completed", "complete", "success", "succeeded", "successful", "ok", "done", "finished", "passed"}
)
MOST_CALLS, _AT_ONCE = 2_000, 100
"""Of a run, that are held against a place: the first; and how many payloads are in memory at a time."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`target`, `step`: a call passes it that fits one of those that are set; `tool`: the tool of the step. `silent`:
    without an answer too. `failing`: a call that failed too. `events`, `generations`: a run that has more of the one,
    and as many of the other. `priced`: one of whose costs enough is known."""

    target: str | None = None
    step: str | None = None
    tool: str = ""
    silent: bool = False
    failing: bool = False
    events: int = 0
    generations: int = 0
    priced: bool = False

    @property
    def named(self) -> bool:
        return self.target is not None or self.step is not None

    def __str__(self) -> str:
        if self.target is not None:
            return f"an answer of {self.target}"
        if self.step is not None:
            return self.step if self.step.startswith("llm_call") else f"a call of {self.step}"
        return f"an end after more than {self.events} event{'' if self.events == 1 else 's'}"


def place_of(recording: Recording, finding: Finding, suspects: Sequence[Suspect], payloads: Mapping[int, Any]) -> Place:
    """Of what was found in a run."""
    priced = finding.label == "cost_spike"
    begins, generations = _length_until(recording, finding)
    for suspect in suspects:
        asked, told = _payloads_of(suspect.asked, suspect.told, payloads)
        found = met(asked, told, suspect.error)
        if found.how is not None and found.target is not None:
            shown = suspect.asked.type == "tool_call" and met(asked, None, None).target == found.target
            by = None if shown else _call_among([suspect, *suspects])
            return Place(target=found.target, priced=priced, **_step(by, payloads))
    first = suspects[0] if suspects else None
    if first is not None and _is_place(first.asked, finding.label):
        silent = first.told is None and finding.label != "premature_end"
        failing = finding.label == "tool_error_ignored"
        return Place(silent=silent, failing=failing, priced=priced, **_step(first, payloads))
    before = None if finding.label in _NOWHERE else _call_among(suspects)
    if before is not None:
        return Place(events=begins, **_step(before, payloads))
    counted = generations if first is not None and first.asked.type == "llm_call" else 0
    return Place(events=begins + 1, generations=counted, priced=priced)


def passed(recording: Recording, places: Iterable[Place], payloads: Payloads) -> bool:
    """Whether a run in which nothing was found came past where it begins: past any place that has a name, past all
    others where none has."""
    every = list(dict.fromkeys(places))
    named = [place for place in every if place.named]
    if named:
        fitting = [place for place in named if _is_long_enough(recording, place)]
        return bool(fitting) and _any_passes(recording, fitting, payloads)
    return bool(every) and all(_is_long_enough(recording, place) for place in every)


def ended_well(recording: Recording) -> bool:
    """By its own words: each of its ends says so, or says nothing against it."""
    ends = [fact for fact in recording.facts if fact.type == "end"]
    return bool(ends) and all(
        fact.status in _GOOD_ENDS and fact.error is None and not fact.unfinished for fact in ends
    )  # fmt: skip


def told_as(places: Iterable[Place]) -> str:
    """For people, in a sentence: where it begins; "" where that is not known."""
    every = list(dict.fromkeys(places))
    named = [place for place in every if place.named]
    return str(named[0]) if named else str(max(every, key=lambda place: place.events)) if every else ""


def _is_place(fact: Fact, label: str) -> bool:
    return fact.type == "tool_call" or (fact.type == "llm_call" and label in _OF_GENERATIONS)


def _call_among(suspects: Sequence[Suspect]) -> Suspect | None:
    return next((suspect for suspect in suspects if suspect.asked.type == "tool_call"), None)


def _step(suspect: Suspect | None, payloads: Mapping[int, Any]) -> dict[str, Any]:
    if suspect is None:
        return {}
    return {"step": step_of(suspect.asked, payloads.get(suspect.asked.seq)), "tool": suspect.asked.tool}


def _length_until(recording: Recording, finding: Finding) -> tuple[int, int]:
    """(how many events came before it, how many generations up to it)."""
    at = finding.evidence[0] if finding.evidence else 0
    acts = sum(fact.seq < at for fact in recording.facts if fact.type not in _QUIET)
    return acts, sum(call.fact.seq <= at for call in recording.generations)


def _is_long_enough(recording: Recording, place: Place) -> bool:
    acts = sum(fact.type not in _QUIET for fact in recording.facts)
    return acts > place.events and len(recording.generations) >= place.generations and _is_priced(recording, place)


def _is_priced(recording: Recording, place: Place) -> bool:
    if not place.priced:
        return True
    priced = sum(fact.cost_usd > 0 for fact in recording.facts)
    return (priced or sum(call.fact.tokens > 0 for call in recording.generations)) >= LEAST_PRICED


def _any_passes(recording: Recording, places: Sequence[Place], payloads: Payloads) -> bool:
    every = sorted((*recording.calls, *recording.generations), key=lambda call: call.place)
    calls = islice((call for call in every if any(_may_pass(call, place) for place in places)), MOST_CALLS)
    while some := list(islice(calls, _AT_ONCE)):
        known = payloads(sorted({fact.seq for call in some for fact in (call.fact, call.answered) if fact is not None}))
        if any(_passes(call, place, known) for call in some for place in places if _may_pass(call, place)):
            return True
    return False


def _may_pass(call: Call, place: Place) -> bool:
    """As far as its facts say."""
    if call.answered is None and not place.silent:
        return False
    if call.error is not None and not place.failing:
        return False
    return place.target is not None or call.fact.tool == place.tool


def _passes(call: Call, place: Place, payloads: Mapping[int, Any]) -> bool:
    asked, told = _payloads_of(call.fact, call.answered, payloads)
    found = met(asked, told, call.error)
    if found.how is not None and not place.failing:
        return False
    if place.target is not None and found.target == place.target:
        return True
    return place.step is not None and step_of(call.fact, payloads.get(call.fact.seq)) == place.step


def _payloads_of(asked: Fact, told: Fact | None, payloads: Mapping[int, Any]) -> tuple[Any, Any]:
    """What was asked, None where that is no call of a tool; and what answered it."""
    return payloads.get(asked.seq) if asked.type == "tool_call" else None, (
        None if told is None else payloads.get(told.seq)
    )

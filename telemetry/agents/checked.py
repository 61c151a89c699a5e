"""What a run of a check that failed, or an alert of one, says of its failure: in the words that agents' failures have,
so that all that met the same error of the same address is one incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from model.errors import ErrorCode, broke_off
from model.evidence import StepResult
from model.outcome import AssertionResult
from telemetry.agents.analysis import analyze, critical_of
from telemetry.agents.facts import read_fact
from telemetry.agents.failures import UNLABELLED, Signature, seqs_of, signature_of, suspects_of
from telemetry.agents.met import FAILED, how_it_failed, in_words
from telemetry.agents.recordings import Recording, recording_of
from telemetry.agents.targets import target_of
from telemetry.agents.walked import Walked, events_of_walk

JOURNEY = "journey"
_CODES: Mapping[str, str] = {ErrorCode.CONNECT_TIMEOUT: "timeout"}


class CheckFacts(msgspec.Struct):
    """A monitor or journey, as it was when it failed, its secrets masked."""

    id: str
    type: str
    name: str
    definition: Mapping[str, Any]


class RunFacts(msgspec.Struct):
    """A run, as a rule one that failed."""

    error_code: str
    error: str
    started_ms: int = 0
    steps: Sequence[StepResult] = ()
    assertions: Sequence[AssertionResult] = ()
    response: Mapping[str, Any] | None = None
    failed: bool = True


def signature_of_run(check: CheckFacts, run: RunFacts) -> Signature:
    """Of a journey as its steps' detectors see it; of a monitor by what was asked and how it was answered."""
    if check.type == JOURNEY:
        return _of_walk(check, run)
    return Signature("", check.type, _how(run), target_of_check(check), _called(check))


def signature_of_rule(check: CheckFacts, rule_type: str) -> Signature:
    """Of an alert that no failed run is behind: it is slow, or silent, or its certificate runs out."""
    return Signature("", f"{check.type} {check.id}", rule_type, target_of_check(check) or f"{check.type}:{check.id}",
                     _called(check))  # fmt: skip


def walk_of(check: CheckFacts, run: RunFacts) -> tuple[Recording, dict[int, Any]]:
    """A run of a journey as its steps' detectors see it, with what each of its events says."""
    events = events_of_walk(Walked(check.definition, run.steps, run.error, run.started_ms, run.failed))
    facts = [read_fact(each.seq, each.step, each.type, each.at_ms, each.payload) for each in events]
    return recording_of(facts), {each.seq: each.payload for each in events}


def target_of_check(check: CheckFacts) -> str | None:
    """What a monitor asks, without what differs each time; None where it has no address."""
    asked = check.definition
    if isinstance(asked.get("url"), str):
        return target_of(asked["url"])
    if check.type == "tcp":
        return f"tcp://{str(asked.get('host')).lower()}:{asked.get('port')}"
    if check.type == "dns":
        return f"dns://{str(asked.get('host')).lower()}?type={asked.get('record_type')}"
    return f"heartbeat:{check.id}" if check.type == "heartbeat" else None


def _of_walk(check: CheckFacts, run: RunFacts) -> Signature:
    recording, payloads = walk_of(check, run)
    critical = critical_of(analyze(recording).detectors)
    if critical is None:
        return Signature(UNLABELLED, "", how_it_failed(0, run.error))
    suspects = suspects_of(recording, critical)
    return signature_of(critical.label, suspects, {seq: payloads[seq] for seq in seqs_of(suspects)})


def _how(run: RunFacts) -> str:
    """`HTTP 500` where it was the status that was wrong, whatever else was expected of it."""
    status = int((run.response or {}).get("status_code") or 0)
    failed = [result.type for result in run.assertions if not result.passed]
    if broke_off(run.error_code):
        return _CODES.get(run.error_code, run.error_code)
    if status and ((status >= FAILED and not failed) or "status_code" in failed):
        return f"HTTP {status}"
    if run.error_code == ErrorCode.ASSERTION_FAILED:
        return in_words(run.error)
    return _CODES.get(run.error_code, run.error_code)


def _called(check: CheckFacts) -> str | None:
    """What has no address is known by its name."""
    return check.name if check.type in ("heartbeat", JOURNEY) else None

"""Reading what probes send: by msgspec, ignoring what is unknown, refusing what no store could hold.

A probe is let in by its key, and still not believed: every text and number that reaches the store is judged here.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from api.errors import Malformed, Refused
from api.evidence_messages import judge_evidence
from model.errors import ErrorCode, status_for
from model.finished import Finished
from model.outcome import Attempt, Metrics, RunError, RunStatus, Trigger
from model.protocol import PROTOCOL, RENEW_MS, LeaseRequest, Refusal, Result
from store.fencing import LeasedSlot
from store.open_dispatches import Holder

OLDEST_PROTOCOL = max(1, PROTOCOL - 1)
_LARGEST = 2**31 - 1
_LONGEST_MS = 7 * 86_400_000.0
_MESSAGE_CHARACTERS = 2_000
_DISPATCHES_HELD = 20_000
_INSTANCE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9_]{1,40}")
_WORD = re.compile(r"[a-z0-9_]{1,20}")
_KINDS = ("network", "browser")
_REPORTED = (RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.MISSED, RunStatus.UNKNOWN, RunStatus.CANCELLED)
_Known = TypeVar("_Known")


class UpgradeRequired(Refused):
    status = 426


class _Versioned(msgspec.Struct):
    protocol: int


class _RawBatch(msgspec.Struct):
    protocol: int
    instance: str
    results: list[msgspec.Raw]


class _NamedResult(msgspec.Struct):
    run_id: str


_version = msgspec.json.Decoder(_Versioned)
_lease_request = msgspec.json.Decoder(LeaseRequest)
_batch = msgspec.json.Decoder(_RawBatch)
_result = msgspec.json.Decoder(Result)
_name = msgspec.json.Decoder(_NamedResult)


def read_lease_request(body: bytes) -> LeaseRequest:
    """Raises UpgradeRequired, Malformed."""
    request = decoded(_lease_request, body)
    if not _INSTANCE.fullmatch(request.instance):
        raise Malformed("instance must be 1 to 64 characters of A-Z a-z 0-9 . _ : -")
    if len(request.holding) > _DISPATCHES_HELD or len(request.released) > _DISPATCHES_HELD:
        raise Malformed(f"more than {_DISPATCHES_HELD} dispatches are named")
    request.capabilities = [kind for kind in _KINDS if kind in request.capabilities]
    request.types = sorted({name for name in request.types if _WORD.fullmatch(name)})[:100]
    request.version = _plain(request.version)[:40]
    request.self_check = request.self_check if request.self_check in ("on", "off") else "off"
    request.capacity = _within(request.capacity)
    request.browser_capacity = _within(request.browser_capacity)
    request.by_hand_capacity = _within(request.by_hand_capacity)
    request.running = _within(request.running)
    request.spool = _within(request.spool)
    request.seen = max(0, request.seen)
    request.wait_ms = min(max(0, request.wait_ms), RENEW_MS)
    request.holding = [_plain(dispatch_id) for dispatch_id in request.holding]
    for given in request.released:
        given.dispatch_id, given.token = _plain(given.dispatch_id), _within(given.token)
        given.runs = [_plain(run_id) for run_id in given.runs]
    if request.replaces is not None and (
        not _INSTANCE.fullmatch(request.replaces) or request.replaces == request.instance
    ):
        raise Malformed("replaces is not the id of another instance")
    return request


def read_results(body: bytes) -> tuple[list[Result], list[Refusal]]:
    """The results, and a refusal for each that can't be read but can be named. Raises UpgradeRequired, Malformed."""
    results: list[Result] = []
    refused: list[Refusal] = []
    for raw in decoded(_batch, body).results:
        try:
            result = _result.decode(raw)
            _judge(result)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            name = _name_of(raw)
            if name is not None:
                refused.append(Refusal(name, f"malformed: {str(error)[:200]}"))
        else:
            results.append(result)
    return results, refused


def finished_of(result: Result, slot: LeasedSlot, holder: Holder) -> Finished:
    """A result as recording takes it. Clocks are not compared: it began so long after it was due (R11)."""
    began = result.status is not RunStatus.CANCELLED and bool(result.attempts or result.elapsed_ms)
    started_ms = slot.at_ms + round(result.late_ms) if began else None
    return Finished(
        run_id=result.run_id,
        organization_id=holder.organization_id,
        check_id=result.check_id,
        check_version=result.check_version,
        location=holder.location,
        at_ms=slot.at_ms,
        status=result.status,
        trigger=Trigger(slot.trigger),
        started_ms=started_ms,
        completed_ms=None if started_ms is None else started_ms + round(result.elapsed_ms),
        duration_ms=result.duration_ms,
        metrics=result.metrics,
        error=result.error,
        assertions=result.assertions,
        attempts=result.attempts,
        response=result.response,
        degraded=result.degraded,
        probe_id=holder.probe_id,
        dispatch_id=result.dispatch_id,
        steps=result.steps,
        artifacts=result.artifacts,
        page=result.page,
    )


def decoded(decoder: msgspec.json.Decoder[_Known], body: bytes) -> _Known:
    """The message. Its version is judged first: of an older one, nothing else need be readable."""
    try:
        version = _version.decode(body).protocol
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not a message of the probe protocol: {error}") from None
    if version < OLDEST_PROTOCOL:
        raise UpgradeRequired(f"This API speaks the probe protocol {OLDEST_PROTOCOL} to {PROTOCOL}: upgrade this probe")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not a message of the probe protocol: {error}") from None


def _judge(result: Result) -> None:
    """ValueError when a field could not be stored, or contradicts another."""
    if not (_ID.fullmatch(result.run_id) and _ID.fullmatch(result.dispatch_id) and _ID.fullmatch(result.check_id)):
        raise ValueError("run_id, dispatch_id or check_id is no id")
    if not 0 <= result.check_version <= _LARGEST:
        raise ValueError("check_version is out of range")
    if result.status not in _REPORTED:
        raise ValueError(f"{result.status} is not the end of a run")
    if not -_LONGEST_MS <= result.late_ms <= _LONGEST_MS:
        raise ValueError("late_ms is out of range")
    _duration("elapsed_ms", result.elapsed_ms)
    _duration("duration_ms", result.duration_ms)
    _metrics(result.metrics)
    result.error = _error(result.status, result.error)
    for attempt in result.attempts:
        _judge_attempt(attempt)
    judge_evidence(result)


def _judge_attempt(attempt: Attempt) -> None:
    if not -_LONGEST_MS <= attempt.late_ms <= _LONGEST_MS:
        raise ValueError("late_ms is out of range")
    _duration("duration_ms", attempt.duration_ms)
    _metrics(attempt.metrics)


def _metrics(metrics: Metrics) -> None:
    _duration("dns_ms", metrics.dns_ms)
    _duration("connect_ms", metrics.connect_ms)
    _duration("tls_ms", metrics.tls_ms)
    _duration("ttfb_ms", metrics.ttfb_ms)
    _duration("download_ms", metrics.download_ms)


def _duration(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= _LONGEST_MS:
        raise ValueError(f"{name} is out of range")


def _error(status: RunStatus, error: RunError | None) -> RunError | None:
    """The error that goes with a status: none with success or cancelled, one of the contract's with the rest."""
    if status in (RunStatus.SUCCESS, RunStatus.CANCELLED):
        return None
    if error is None:
        raise ValueError(f"{status} needs an error")
    try:
        expected = status_for(ErrorCode(error.code))
    except ValueError:
        raise ValueError(f"{_plain(error.code)[:40]} is no error code") from None
    if expected is not status:
        raise ValueError(f"{error.code} does not go with {status}")
    if len(error.message) > _MESSAGE_CHARACTERS or "\x00" in error.message:
        return RunError(error.code, _plain(error.message)[:_MESSAGE_CHARACTERS])
    return error


def _name_of(raw: msgspec.Raw) -> str | None:
    try:
        return _plain(_name.decode(raw).run_id)[:40]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _plain(text: str) -> str:
    """Without what PostgreSQL can't hold."""
    return text.replace("\x00", "")


def _within(value: int) -> int:
    return min(max(0, value), _LARGEST)

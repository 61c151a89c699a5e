"""A monitor or journey as the API shows it: its definition with secrets masked, and what is known of it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.definitions import defaults_of, own_fields
from api.run_shape import last_run, tidy
from model.definition import CheckDefinition
from model.health import Health, Verdict, health
from model.heartbeat import LOCATION
from model.outcome import RunStatus
from model.times import iso
from store.tables import Check, LocationState, Run

_COMMON = tuple(CheckDefinition.model_fields)


def check_shape(
    check: Check,
    *,
    states: Sequence[LocationState],
    newest: Run | None,
    stats: Mapping[str, Any],
    now_ms: int,
    maintenance: bool = False,
    ping_url: str | None = None,
) -> dict[str, Any]:
    """`states`: the measured location states; `newest`: its last run that ended; `stats`: store.stats' figures;
    `maintenance`: it is in a window now."""
    definition = _definition(check)
    heartbeat = check.kind == "heartbeat"
    places = [LOCATION] if heartbeat else check.locations
    measured = {state.location: state for state in states if state.location in places}
    shown: dict[str, Any] = {
        "id": check.id,
        "name": check.name,
        "type": check.type,
        **definition,
        "locations": [] if heartbeat else list(check.locations),
        "status": check.status,
        "health": _health(check, measured.values(), now_ms, maintenance=maintenance),
        "location_states": [
            _location_state(place, measured.get(place), now_ms, heartbeat=heartbeat) for place in places
        ],
        "last_run": last_run(newest) if newest is not None else None,
        "stats": dict(stats),
        "created_at": iso(check.created_ms),
        "updated_at": iso(check.updated_ms),
    }
    if heartbeat:
        shown["ping_url"] = ping_url
    return shown


def _definition(check: Check) -> dict[str, Any]:
    """What is stored, with fields newer than it at their defaults; those of the type before those that all share."""
    stored = {**defaults_of(check.type), **check.definition}
    retries = stored["retries"]
    stored["retries"] = {**retries, "delay": tidy(retries["delay"])}
    stored["timeout"] = tidy(stored["timeout"])
    return {name: stored[name] for name in (*own_fields(check.type), *_COMMON) if name in stored}


def _health(check: Check, measured: Any, now_ms: int, *, maintenance: bool) -> Health:
    verdicts = [
        Verdict(state.status == RunStatus.FAILED, state.degraded, state.fresh_until_ms or 0) for state in measured
    ]
    return health(verdicts, now_ms=now_ms, paused=check.status == "paused", maintenance=maintenance)


def _location_state(
    location: str, state: LocationState | None, now_ms: int, *, heartbeat: bool = False
) -> dict[str, Any]:
    """`state` is what counts now; what the last measured run said stands beside it, also when it counts no more. What a
    heartbeat's run said counts until the next, without end: no time is shown for that."""
    if state is None:
        return {
            "location": location,
            "state": "unknown",
            "since": None,
            "last_run_id": None,
            "last_run_at": None,
            "fresh_until": None,
            "duration_ms": None,
            "error": None,
            "not_run_since": None,
        }
    fresh = state.fresh_until_ms is not None and state.fresh_until_ms > now_ms
    return {
        "location": location,
        "state": _verdict(state) if fresh else "unknown",
        "since": iso(state.since_ms),
        "last_run_id": state.run_id,
        "last_run_at": iso(state.at_ms),
        "fresh_until": None if heartbeat else iso(state.fresh_until_ms),
        "duration_ms": tidy(state.duration_ms),
        "error": state.error,
        "not_run_since": iso(state.unrun_since_ms),
    }


def _verdict(state: LocationState) -> str:
    if state.status == RunStatus.FAILED:
        return "down"
    return "degraded" if state.degraded else "up"

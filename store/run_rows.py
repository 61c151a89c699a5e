"""The rows of runs as recording writes them: in batches, each a new row or the end of one that waited.

Who may call this: `alerts.record` alone (R8); it holds the location state of every run it writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.finished import Detail, Finished
from model.outcome import RunStatus
from store.statements import rows, run, run_many


class StoredRun(msgspec.Struct):
    """What is already known of a run that is to be recorded."""

    run_id: str
    check_id: str
    status: str
    error_code: str | None
    maintenance: bool


_OUTCOME = (
    "status", "started_ms", "completed_ms", "duration_ms", "dns_ms", "connect_ms", "tls_ms", "ttfb_ms", "download_ms",
    "degraded", "maintenance", "error_code", "error_message", "probe_id", "dispatch_id", "detail",
)  # fmt: skip
_IDENTITY = ("id", "organization_id", "check_id", "check_version", "location", "at_ms", "trigger")
_INSERT = (
    f"INSERT INTO runs ({', '.join(_IDENTITY + _OUTCOME)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_IDENTITY + _OUTCOME))}) ON CONFLICT DO NOTHING"
)
_OVERWRITE = (
    f"UPDATE runs SET {', '.join(f'{column} = ?' for column in _OUTCOME)} "  # noqa: S608
    "WHERE id = ? AND status IN ('queued', 'running', 'missed', 'unknown')"
)
_STREAM = "check_id = ? AND location = ? AND trigger = 'schedule'"
_UNRUN = "status IN ('missed', 'unknown') AND started_ms IS NULL"
_encode = msgspec.json.Encoder().encode


def stored_runs(session: Session, run_ids: list[str]) -> dict[str, StoredRun]:
    """Those of these runs that have a row."""
    found = rows(session, "SELECT id, check_id, status, error_code, maintenance FROM runs WHERE id IN ?", run_ids)
    return {row[0]: StoredRun(*row) for row in found}


def insert_runs(session: Session, runs: Mapping[str, Finished]) -> set[str]:
    """Add these runs, none of which has a row. Returns the ids of those whose slot another run holds already: nothing
    was added for them."""
    added = run_many(
        session,
        _INSERT,
        [
            (
                run_id, done.organization_id, done.check_id, done.check_version, done.location, done.at_ms,
                done.trigger.value, *_outcome(done),
            )
            for run_id, done in runs.items()
        ],
    )  # fmt: skip
    return set(runs) - stored_runs(session, list(runs)).keys() if added < len(runs) else set()


def remove_runs(session: Session, run_ids: Sequence[str]) -> None:
    """Take back rows that this transaction has added."""
    run(session, "DELETE FROM runs WHERE id IN ?", list(run_ids))


def overwrite_runs(session: Session, runs: Mapping[str, Finished]) -> None:
    """Give runs that have a row their outcome, unless they have been measured or cancelled meanwhile."""
    run_many(session, _OVERWRITE, [(*_outcome(done), run_id) for run_id, done in runs.items()])


def _outcome(done: Finished) -> tuple[Any, ...]:
    metrics, error = done.metrics, done.error
    detail = None
    if done.assertions or done.attempts or done.response or done.steps or done.artifacts:
        detail = _encode(Detail(done.assertions, done.attempts, done.response, done.steps, done.artifacts, done.page))
    return (
        done.status.value, done.started_ms, done.completed_ms, done.duration_ms,
        metrics.dns_ms, metrics.connect_ms, metrics.tls_ms, metrics.ttfb_ms, metrics.download_ms,
        done.degraded, done.maintenance,
        error.code if error is not None else None, error.message if error is not None else None,
        done.probe_id, done.dispatch_id, detail,
    )  # fmt: skip


def verdict_since(session: Session, stream: tuple[str, str], status: RunStatus, from_ms: int, at_ms: int) -> int | None:
    """Since when the measured runs of a stream have had this status, if that began after `from_ms`; None when every
    one in [from_ms, at_ms] had it. `at_ms`: when the newest was due."""
    other = RunStatus.FAILED if status is RunStatus.SUCCESS else RunStatus.SUCCESS
    last_other = rows(
        session,
        f"SELECT at_ms FROM runs WHERE {_STREAM} AND at_ms >= ? AND at_ms < ? AND status = ? "  # noqa: S608
        "ORDER BY at_ms DESC LIMIT 1",
        *stream, from_ms, at_ms, other.value,
    )  # fmt: skip
    if not last_other:
        return None
    first = rows(
        session,
        f"SELECT at_ms FROM runs WHERE {_STREAM} AND at_ms > ? AND at_ms <= ? AND status = ? "  # noqa: S608
        "ORDER BY at_ms LIMIT 1",
        *stream, last_other[0][0], at_ms, status.value,
    )  # fmt: skip
    return int(first[0][0])


def unrun_after(session: Session, stream: tuple[str, str], at_ms: int) -> tuple[int | None, int]:
    """The slots of a stream due after `at_ms` that nobody ran and that have a row: the first's due time, how many."""
    query = f"SELECT min(at_ms), count(*) FROM runs WHERE {_STREAM} AND at_ms > ? AND {_UNRUN}"  # noqa: S608
    first_ms, count = rows(session, query, *stream, at_ms)[0]
    return first_ms, count

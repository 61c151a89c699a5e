"""Calls of language models: a list, and what they come to by model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows
from telemetry.payloads import unpack

_COLUMNS = (
    "g.seq, g.project, g.provider, g.model, g.status, g.at_ms, g.received_ms, g.input_tokens, g.output_tokens, "
    "g.cost_usd, g.latency_ms, g.trace_id, g.payload"
)


class StoredGeneration(msgspec.Struct):
    seq: int
    project: int
    provider: str
    model: str
    status: str
    at_ms: int
    received_ms: int
    input_tokens: int
    output_tokens: int | None
    cost_usd: float | None
    latency_ms: float | None
    trace_id: str | None
    payload: Any


class ModelSummary(msgspec.Struct):
    """What the calls of one model come to. Latencies are nearest-rank percentiles of those that have one."""

    provider: str
    model: str
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    p50_latency_ms: float | None
    p95_latency_ms: float | None


class Slice(msgspec.Struct):
    """What the calls of one model come to in one step of time. `timed`: how many have the latencies that are summed."""

    place: int
    provider: str
    model: str
    calls: int
    errors: int
    cost_usd: float
    latency_sum_ms: float
    timed: int


class Span(msgspec.Struct):
    """Which calls: of when (ms, half open), and of which model."""

    from_ms: int | None = None
    to_ms: int | None = None
    model: str | None = None


def list_generations(
    session: Session, projects: Sequence[int], wanted: Span, *, before: int | None, limit: int
) -> list[StoredGeneration]:
    """The newest first, of those that were stored before the one with the number `before`."""
    if not projects:
        return []
    condition, values = _where(projects, wanted)
    if before is not None:
        condition, values = f"{condition} AND g.seq < ?", [*values, before]
    query = f"SELECT {_COLUMNS} FROM generations g WHERE {condition} ORDER BY g.seq DESC LIMIT ?"  # noqa: S608
    found = [StoredGeneration(*row) for row in rows(session, query, *values, limit)]
    for made in found:
        made.payload = unpack(made.payload)
    return found


def generations_of_trace(
    session: Session, projects: Sequence[int], trace_id: str, limit: int
) -> list[StoredGeneration]:
    """Those that name this trace, by when they were made."""
    if not projects:
        return []
    query = (
        f"SELECT {_COLUMNS} FROM generations g WHERE g.trace_id = ? AND g.project IN ? "  # noqa: S608
        "ORDER BY g.at_ms, g.seq LIMIT ?"
    )
    found = [StoredGeneration(*row) for row in rows(session, query, trace_id, list(projects), limit)]
    for made in found:
        made.payload = unpack(made.payload)
    return found


def summarize(session: Session, projects: Sequence[int], wanted: Span) -> list[ModelSummary]:
    """By model, the dearest first."""
    if not projects:
        return []
    condition, values = _where(projects, wanted)
    query = (
        "SELECT provider, model, count(*), sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END), "  # noqa: S608
        "sum(input_tokens), COALESCE(sum(output_tokens), 0), COALESCE(sum(cost_usd), 0), "
        "min(CASE WHEN place * 2 >= timed THEN latency_ms END), "
        "min(CASE WHEN place * 20 >= timed * 19 THEN latency_ms END) "
        "FROM (SELECT g.*, count(g.latency_ms) OVER (PARTITION BY g.provider, g.model) AS timed, "
        "row_number() OVER (PARTITION BY g.provider, g.model "
        "ORDER BY CASE WHEN g.latency_ms IS NULL THEN 1 ELSE 0 END, g.latency_ms) AS place "
        f"FROM generations g WHERE {condition}) s GROUP BY provider, model ORDER BY 7 DESC, 3 DESC, 1, 2"
    )
    found = rows(session, query, *values)
    return [
        ModelSummary(provider, model, calls, errors, int(sent), int(written), float(cost), p50, p95)
        for provider, model, calls, errors, sent, written, cost, p50, p95 in found
    ]


def over_time(session: Session, projects: Sequence[int], wanted: Span, step_ms: int) -> list[Slice]:
    """What the calls of each model come to in each step since `wanted.from_ms`, which has to be said."""
    if not projects or wanted.from_ms is None:
        return []
    condition, values = _where(projects, wanted)
    query = (
        "SELECT (g.at_ms - ?) / ?, g.provider, g.model, count(*), "  # noqa: S608
        "sum(CASE WHEN g.status = 'error' THEN 1 ELSE 0 END), COALESCE(sum(g.cost_usd), 0), "
        "COALESCE(sum(g.latency_ms), 0), count(g.latency_ms) "
        f"FROM generations g WHERE {condition} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    return [
        Slice(int(place), provider, model, int(calls), int(errors), float(cost), float(latency), int(timed))
        for place, provider, model, calls, errors, cost, latency, timed in rows(
            session, query, wanted.from_ms, step_ms, *values
        )
    ]


def _where(projects: Sequence[int], wanted: Span) -> tuple[str, list[Any]]:
    one = len(projects) == 1  # then the index gives them in order
    conditions = ["g.project = ?" if one else "g.project IN ?"]
    found: list[Any] = [projects[0] if one else list(projects)]
    for condition, value in (
        ("g.at_ms >= ?", wanted.from_ms), ("g.at_ms < ?", wanted.to_ms), ("g.model = ?", wanted.model),
    ):  # fmt: skip
        if value is not None:
            conditions.append(condition)
            found.append(value)
    return " AND ".join(conditions), found

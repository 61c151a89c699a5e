"""Shapes of what was sent, as it is found again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.routes import BodyModel, QueryModel
from api.schemas.envelope import Shape, Time
from api.schemas.reporting import EVENT_EXAMPLE, SPAN_EXAMPLE
from model.fields import Instant
from telemetry.queries import MOST_CHARACTERS, MOST_TERMS

Named = Annotated[str, Field(min_length=1, max_length=64, description="A project: number, slug or id")]
Cursor = Annotated[str, Field(max_length=60, description="`cursor` of the page before")]
Limit = Annotated[int, Field(ge=1, le=1000)]
Query = Annotated[
    str,
    Field(
        max_length=MOST_CHARACTERS,
        description="Terms, ANDed: `level:error` `release:x` `environment:x` `user.id:x` `trace_id:x` `<tag>:x` "
        '`-term` `"exact words"` `x*` `in:5m` `after:<time>` `before:<time>`; anything else is free text in message '
        f"and exception. At most {MOST_CHARACTERS:,} characters and {MOST_TERMS} terms",
    ),
]
NextCursor = Annotated[str | None, Field(description="Pass as `cursor`; null at the end")]
Status = Literal["open", "resolved", "ignored"]
_SEEN = {"received_at": "2026-04-26T14:22:08.502Z", "project": "truecom"}


class _Search(QueryModel):
    """What is looked for."""

    project: Named | None = None
    q: Query = ""
    limit: Limit = 100
    cursor: Cursor | None = None


class EventQuery(_Search):
    """Which events."""

    issue: Annotated[str | None, Field(max_length=40, description="Of this issue alone: its id")] = None


class IssueQuery(_Search):
    """Which issues."""

    status: Status | None = None


class StoredEvent(BaseModel):
    """An event as it was sent, and what is known of it. Frames stand as in the sources, where a source map is there;
    what they were before is each frame's `minified`."""

    model_config = ConfigDict(extra="allow")

    event_id: str
    timestamp: Annotated[Time, Field(description="When it happened, by its sender's clock; never after `received_at`")]
    received_at: Time
    level: Literal["fatal", "error", "warning", "info", "debug"]
    environment: str | None
    release: str | None
    trace_id: str | None
    project: str
    issue_id: str


class EventPage(Shape):
    """Events, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"events": [{**EVENT_EXAMPLE, **_SEEN, "issue_id": "iss_0000002v"}], "cursor": None}
        }
    )

    events: list[StoredEvent]
    cursor: NextCursor


class StoredSpan(BaseModel):
    """A span as it was sent, and what is known of it."""

    model_config = ConfigDict(extra="allow")

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    op: str
    status: str
    start_timestamp: Time
    end_timestamp: Time
    duration_ms: float
    environment: str | None
    release: str | None
    received_at: Time
    project: str


class Regression(Shape):
    """That it came back after it was resolved."""

    at: Time
    release: Annotated[str | None, Field(description="Of the event it came back with")]


class Issue(Shape):
    """Events that are one thing."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "iss_0000002v", "project": "truecom", "fingerprint": "1cc4d8969c006d1ff3a8651f51d2e681",
                "title": "TypeError: Cannot read property 'x' of undefined", "culprit": "loadData (app/page.tsx)",
                "level": "error", "status": "open", "first_seen": "2026-04-26T14:22:08.502Z",
                "last_seen": "2026-04-26T16:01:44.010Z", "count": 42, "user_count": 7, "releases": ["truecom@0.18.2"],
                "regression": None,
            }
        }
    )  # fmt: skip

    id: str
    project: str
    fingerprint: Annotated[
        str, Field(description="The events' own, else one of exception and calls, or of the message")
    ]
    title: str
    culprit: Annotated[str, Field(description="Where it was: the application's innermost call")]
    level: Literal["fatal", "error", "warning", "info", "debug"]
    status: Status
    first_seen: Time
    last_seen: Time
    count: Annotated[int, Field(ge=0)]
    user_count: Annotated[int, Field(ge=0)]
    releases: Annotated[list[str], Field(description="That it was seen in, the newest first; at most 50")]
    regression: Regression | None


class BrokenCheck(Shape):
    """A check, in traces of whose runs an issue was seen."""

    id: str
    name: str
    type: str
    runs: Annotated[int, Field(ge=1, description="That met the issue, of those kept of both")]
    failed: Annotated[int, Field(ge=0, description="How many of them failed")]
    last_run_id: Annotated[str, Field(description="The newest that failed, else the newest")]
    last_run_at: Time


class IssueDetail(Issue):
    """An issue with the checks that it breaks, those with most failures first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "iss_0000002v", "project": "truecom", "fingerprint": "1cc4d8969c006d1ff3a8651f51d2e681",
                "title": "TypeError: Cannot read property 'x' of undefined", "culprit": "loadData (app/page.tsx)",
                "level": "error", "status": "open", "first_seen": "2026-04-26T14:22:08.502Z",
                "last_seen": "2026-04-26T16:01:44.010Z", "count": 42, "user_count": 7, "releases": ["truecom@0.18.2"],
                "regression": None,
                "checks": [
                    {
                        "id": "mon_abc123", "name": "Shop", "type": "url", "runs": 5, "failed": 5,
                        "last_run_id": "run_xyz789", "last_run_at": "2026-04-26T16:01:40.000Z",
                    }
                ],
            }
        }
    )  # fmt: skip

    checks: list[BrokenCheck]


class IssuePage(Shape):
    """Issues, those with the newest events first. With `q`, each is told as the events have it that fit."""

    issues: list[Issue]
    cursor: NextCursor


class IssueChange(BodyModel):
    """What people decide; absent fields stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "resolved"}]})

    status: Annotated[Status | None, Field(description="One that is resolved comes back with its next event")] = None
    merge_into: Annotated[
        str | None, Field(max_length=60, description="The issue that is to stand for both, of the same project")
    ] = None


class GenerationQuery(QueryModel):
    """Which calls."""

    model_config = ConfigDict(populate_by_name=True)

    project: Named | None = None
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    since: Annotated[Instant | None, Field(alias="from", description="When they were made: then or later")] = None
    until: Annotated[Instant | None, Field(alias="to", description="Before then")] = None


class GenerationListQuery(GenerationQuery):
    """Which calls, and how many of them."""

    limit: Limit = 100
    cursor: Cursor | None = None


class Generation(BaseModel):
    """A call of a language model as it was sent."""

    model_config = ConfigDict(extra="allow")

    provider: str
    model: str
    status: Literal["ok", "error"]
    timestamp: Time
    received_at: Time
    inputTokens: int  # noqa: N815 - as it is sent
    outputTokens: int | None  # noqa: N815
    totalCostUsd: float | None  # noqa: N815
    latencyMs: float | None  # noqa: N815
    traceId: str | None  # noqa: N815
    project: str


class GenerationPage(Shape):
    """Calls of language models, the newest first."""

    generations: list[Generation]
    cursor: NextCursor


class ModelSummary(Shape):
    """What the calls of one model come to."""

    provider: str
    model: str
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    p50_latency_ms: float | None
    p95_latency_ms: float | None


class GenerationSummary(Shape):
    """By model, the dearest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "by_model": [
                    {
                        "provider": "openrouter", "model": "anthropic/claude-sonnet-4", "calls": 210, "errors": 3,
                        "input_tokens": 252_000, "output_tokens": 71_400, "cost_usd": 1.01, "p50_latency_ms": 1820.0,
                        "p95_latency_ms": 4100.0,
                    }
                ]
            }
        }
    )  # fmt: skip

    by_model: list[ModelSummary]


class Trace(Shape):
    """What is known of one trace: at most 1,000 spans, 100 events and 100 calls of language models."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "trace_id": SPAN_EXAMPLE["trace_id"],
                "spans": [
                    {**SPAN_EXAMPLE, **_SEEN, "duration_ms": 245.0, "environment": "production", "release": None}
                ],
                "events": [{**EVENT_EXAMPLE, **_SEEN, "issue_id": "iss_0000002v"}],
                "generations": [],
            }
        }
    )

    trace_id: str
    spans: list[StoredSpan]
    events: list[StoredEvent]
    generations: list[Generation]

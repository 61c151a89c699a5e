"""Shapes of what is done about incidents: fixes, and regression runs (seed 002)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel, QueryModel
from api.schemas.agents import Project
from api.schemas.analyses import Label
from api.schemas.envelope import Shape, Time
from model.fields import Instant

LONGEST_WAIT_S = 30
FixStatus = Literal["running", "proposed", "fallback"]
Verdict = Literal["fixed", "not_fixed", "inconclusive"]
Outcome = Annotated[
    Literal["again", "clear", "elsewhere", "otherwise", "unknown"],
    Field(
        description="Whether it shows the incident: clear came past where it begins and went well; what never came "
        "there, went wrong otherwise or was not measured tells nothing"
    ),
]
_STATE: dict[str, Any] = {
    "id": "fix_01hm6aqh20z1g8qzwtkn10",
    "status": "proposed",
    "label": "tool_loop",
    "reason": None,
    "project_id": "proj_01hm5k3v2a",
    "requested_by": "Ada",
    "created_at": "2026-04-26T14:50:00.000Z",
    "completed_at": "2026-04-26T14:50:41.000Z",
}
FIX: dict[str, Any] = {
    **_STATE,
    "plan": ["Refuse a call with the same arguments after the second equal answer, and tell the model why."],
    "diff": "--- a/agent.py\n+++ b/agent.py\n@@ -8 +8 @@\n-LIMIT = None\n+LIMIT = 2\n",
    "revision": "7edc9a88d0055e47b0015b63663c43f6faf16ecd",
}
EARLIER_FIX: dict[str, Any] = {
    **_STATE,
    "id": "fix_01hm6aqh20z1g8qzwtkn09",
    "status": "fallback",
    "reason": "no diff was proposed",
}
_SESSION: dict[str, Any] = {
    "session_id": "trace_curl_1", "agent": "scheduler", "status": "completed", "labels": ["tool_loop"],
    "critical_step": 4, "outcome": "again",
}  # fmt: skip
_RUN: dict[str, Any] = {
    "run_id": "run_01hm6aqh20z1g8qzwtkn17", "check_id": "jny_01hm6aqh20z1g8qzwtkn10", "name": "Checkout",
    "location": "eu-west", "status": "success", "error": None, "outcome": "clear",
}  # fmt: skip
REGRESSION: dict[str, Any] = {
    "id": "reg_01hm6aqh20z1g8qzwtkn10",
    "status": "completed",
    "verdict": "fixed",
    "reason": "It shows no more: 1 run of a check since came past where it began, and went well.",
    "since": "2026-04-26T15:00:00.000Z",
    "before": {"sessions": [_SESSION], "runs": []},
    "after": {"sessions": [], "runs": [_RUN]},
    "requested_by": "Ada",
    "created_at": "2026-04-26T15:10:00.000Z",
    "completed_at": "2026-04-26T15:10:09.000Z",
}


class FixState(Shape):
    """How a fix stands that was asked for."""

    model_config = ConfigDict(json_schema_extra={"example": _STATE})

    id: str
    status: FixStatus
    label: Label
    reason: Annotated[str | None, Field(description="Why it is a fallback")]
    project_id: Annotated[str | None, Field(description="Whose repository it is for")]
    requested_by: str
    created_at: Time
    completed_at: Time | None


class Fix(FixState):
    """A plan, and a diff that applies cleanly; or, where there is none, the plan that the label is known for."""

    model_config = ConfigDict(json_schema_extra={"example": FIX})

    plan: list[str]
    diff: Annotated[str | None, Field(description="Unified; null unless it is proposed")]
    revision: Annotated[str | None, Field(description="The commit that it applies to")]


class FixRequest(BodyModel):
    """Where it is to be looked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}]},
        openapi_extra={"required": False},  # type: ignore[typeddict-unknown-key]
    )

    project_id: Annotated[
        Project | None,
        Field(description="Whose repository; absent: the project of the session that failed last and has one"),
    ] = None


class FixQuery(QueryModel):
    """How long the answer may wait."""

    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds; 202 when it has not ended by then")] = (
        20
    )


class ReplayedSession(Shape):
    """A session, replayed through the detectors as they are today."""

    session_id: str
    agent: str
    status: str
    labels: list[Label]
    critical_step: int | None
    outcome: Outcome


class CheckedRun(Shape):
    """A run of a journey or monitor."""

    run_id: str
    check_id: str
    name: str
    location: str
    status: str
    error: str | None
    outcome: Outcome


class Evidence(Shape):
    """What was looked at, the newest first."""

    sessions: list[ReplayedSession]
    runs: list[CheckedRun]


class RegressionRun(Shape):
    """What was recorded before a fix against what came after it."""

    model_config = ConfigDict(json_schema_extra={"example": REGRESSION})

    id: str
    status: Literal["running", "completed"]
    verdict: Annotated[Verdict | None, Field(description="Null until it is known; it changes no incident's status")]
    reason: str | None
    since: Annotated[Time, Field(description="What began then or later is after the fix")]
    before: Evidence | None
    after: Evidence | None
    requested_by: str
    created_at: Time
    completed_at: Time | None


class RegressionRequest(BodyModel):
    """From when on it is to be fixed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2026-04-26T15:00:00Z"}]},
        openapi_extra={"required": False},  # type: ignore[typeddict-unknown-key]
    )

    since: Annotated[
        Instant | None,
        Field(description="Absent: since it was called fixed, else since the newest fix, else since now"),
    ] = None

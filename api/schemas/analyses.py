"""Shapes of what was found in agents' runs (seed 002)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel, QueryModel
from api.schemas.envelope import Shape
from telemetry.agents.detectors.base import MOST_EVIDENCE
from telemetry.agents.detectors.registry import LABELS

Label = Literal[LABELS]  # type: ignore[valid-type]
_LARGEST = 2**53 - 1
Step = Annotated[int, Field(ge=0, le=_LARGEST)]
Seq = Annotated[int, Field(ge=1, le=_LARGEST)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
IncidentId = Annotated[str, Field(pattern=r"^inc_[0-9a-z]{6,36}$")]
_FOUND: dict[str, Any] = {
    "label": "tool_loop",
    "confidence": 0.9,
    "step": 4,
    "evidence": [8, 10, 12, 14, 16],
    "explanation": "The agent called 'search_rooms' with the same arguments 5 times and was told the same each time.",
}
_ANALYSIS: dict[str, Any] = {
    "session_id": "trace_curl_1",
    "detectors": [_FOUND],
    "critical_step": 4,
    "summary": f"Step 4: {_FOUND['explanation']}",
    "incident_id": None,
    "version": 4,
}


class FoundByDetector(Shape):
    """That a run shows something."""

    label: Label
    confidence: Confidence
    step: Annotated[int, Field(ge=0, description="Of the event where it begins; its `seq` where it has no step")]
    evidence: Annotated[
        list[int], Field(description="`seq` of the events that show it; of many the first and the last")
    ]
    explanation: Annotated[str, Field(description="A sentence for people")]


class AgentAnalysis(Shape):
    """What was found in a run. The same events make the same analysis, whenever and wherever it is made."""

    model_config = ConfigDict(json_schema_extra={"example": _ANALYSIS})

    session_id: str
    detectors: Annotated[list[FoundByDetector], Field(description="In the order in which they begin")]
    critical_step: Annotated[
        int | None, Field(description="Where the earliest cause begins, not the last symptom; null: nothing was found")
    ]
    summary: str
    incident_id: Annotated[str | None, Field(description="The incident that it was put into; null: none")]
    version: Annotated[int, Field(description="Of the detectors: another one may judge the same events otherwise")]


class FindingToStore(BodyModel):
    """What a workflow on the server's side found."""

    label: Label
    confidence: Confidence
    step: Step
    evidence: Annotated[list[Seq], Field(max_length=MOST_EVIDENCE)]
    explanation: Annotated[str, Field(max_length=1000)] = ""


class AnalysisToStore(BodyModel):
    """The fields that are to be other than they are; `detectors` is needed where nothing is stored yet. Without
    `critical_step` and `summary`, new `detectors` bring their own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"detectors": [_FOUND], "critical_step": 4}, {"incident_id": "inc_01hm6aqh20z1"}]
        }
    )

    session_id: Annotated[str | None, Field(description="If it is given, it must be the one of the path")] = None
    detectors: Annotated[list[FindingToStore], Field(max_length=len(LABELS))] | None = None
    critical_step: Step | None = None
    summary: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    incident_id: IncidentId | None = None
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class WorkspaceQuery(QueryModel):
    """Whose run."""

    workspace_id: Annotated[
        str | None,
        Field(min_length=1, max_length=40, description="Needed where several workspaces have a run of this id"),
    ] = None

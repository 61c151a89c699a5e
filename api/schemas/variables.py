"""Shapes of the organization's variables."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from journeys.variables import VariableName
from model.fields import Text

_EXAMPLE: dict[str, Any] = {
    "id": "var_01hm5k3v2a",
    "name": "PASSWORD",
    "value": "********",
    "created_at": "2024-01-15T10:00:00.000Z",
    "updated_at": "2024-01-15T10:00:00.000Z",
}


class VariableShape(Shape):
    """A variable; its value is told to probes alone."""

    id: str
    name: str
    value: Literal["********"]
    created_at: Time
    updated_at: Time


class VariableRequest(BodyModel):
    """A variable to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "PASSWORD", "value": "test123"}]})

    name: VariableName
    value: Annotated[Text, Field(description="Kept encrypted; taken out of all that a journey shows")]


class VariableChange(BodyModel):
    """Another value; `********` keeps the one there is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": "test124"}]})

    value: Text


class VariableAnswer(Answer[VariableShape]):
    """The variable."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": _EXAMPLE}})


class VariableList(Answer[list[VariableShape]]):
    """Variables, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"success": True, "data": [_EXAMPLE], "meta": {"total": 1, "page": 1, "per_page": 20}}
        }
    )

    meta: PageMeta

"""How seeds 000 to 002 refuse: no envelope."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from api.schemas.envelope import ErrorDetail, Shape


class BareErrorDetail(ErrorDetail):
    """What is wrong."""

    position: (
        Annotated[int, Field(description="Of the character, from 0, where the term of `q` begins that is wrong")]
        | SkipJsonSchema[None]
    ) = None


class BareError(Shape):
    """A request that was refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": {
                    "code": "malformed",
                    "message": "in: takes a number and s, m, h or d, such as in:5m (at position 12)",
                    "position": 12,
                    "request_id": "req_5b0c1d2e3f405162",
                }
            }
        }
    )

    error: BareErrorDetail


class ItemError(Shape):
    """Items that were refused, in one phrase."""

    model_config = ConfigDict(json_schema_extra={"example": {"error": "Invalid payload"}})

    error: Annotated[
        str, Field(description="`Invalid JSON`, `Invalid payload`, `Missing auth key`, `Invalid DSN key`, …")
    ]


class RpcStatus(Shape):
    """A google.rpc.Status, as OTLP's exporters read it; in protobuf to those that sent protobuf."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": 3, "message": "The body is not OTLP"}})

    code: int
    message: str


class BareDeleted(Shape):
    """It is deleted."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": "truecom", "deleted": True}})

    id: str
    deleted: Literal[True]

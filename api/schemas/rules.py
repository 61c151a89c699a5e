"""Shapes of alert rules, made from the registry of types: a new type is described without a line here."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from alerts.rules.base import ChannelId, RuleDefinition
from alerts.rules.registry import RULES
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from api.schemas.partial import change_of
from model.fields import Instant, Name

RULE: dict[str, Any] = {
    "id": "rule_01hm5k3v2axyz",
    "name": "Critical Failures",
    "type": "consecutive_failures",
    "threshold": 3,
    "severity": "critical",
    "channels": ["chan_abc123"],
    "apply_to": {"monitors": ["mon_xyz789"], "journeys": [], "tags": ["production"], "all": False},
    "min_locations": 1,
    "recovery_threshold": 1,
    "reminder_interval": None,
    "enabled": True,
    "warnings": [],
    "created_at": "2024-01-15T10:00:00.000Z",
    "updated_at": "2024-01-15T10:00:00.000Z",
}
_NEW: dict[str, Any] = {
    "name": "Critical Failures",
    "type": "consecutive_failures",
    "threshold": 3,
    "severity": "critical",
    "channels": ["chan_abc123"],
    "apply_to": {"monitors": ["mon_xyz789"], "tags": ["production"]},
}


class RuleFacts(Shape):
    """What every rule has beside its definition."""

    id: str
    warnings: Annotated[list[str], Field(description="Why it can never hold, or would tell nobody; as things are now")]
    created_at: Time
    updated_at: Time


def _title(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_"))


def _shown(kind: str, definition: type[RuleDefinition]) -> type[BaseModel]:
    return create_model(f"{_title(kind)}Rule", __base__=(RuleFacts, definition), __doc__=definition.__doc__)


def _change(kind: str, definition: type[RuleDefinition]) -> type[BaseModel]:
    return change_of(definition, f"{_title(kind)}RuleChange", f"What may change of a rule of type {kind}.")


_from = Annotated[Instant | None, Field(alias="from", description="Default: 7 days before `to`")]
_to = Annotated[Instant | None, Field(description="Default: now")]


def _tried(kind: str, definition: type[RuleDefinition]) -> type[BaseModel]:
    fields: dict[str, Any] = {"name": (Name, "backtest"), "from_": (_from, None), "to": (_to, None)}
    about = f"A rule of type {kind}, and the time to try it on."
    made: type[BaseModel] = create_model(f"{_title(kind)}Backtest", __base__=definition, __doc__=about, **fields)
    return made


BACKTESTS = {kind: _tried(kind, definition) for kind, definition in RULES.items()}
_SHOWN = tuple(_shown(kind, definition) for kind, definition in RULES.items())
_CHANGES = tuple(_change(kind, definition) for kind, definition in RULES.items())

if TYPE_CHECKING:  # the types below are made from the registry when this module is imported
    Rule = RuleFacts
    Definition = RuleDefinition
    Tried = RuleDefinition
    Change = BaseModel
else:
    Rule = Annotated[reduce(or_, _SHOWN), Field(discriminator="type")]
    Definition = Annotated[reduce(or_, RULES.values()), Field(discriminator="type")]
    Tried = Annotated[reduce(or_, BACKTESTS.values()), Field(discriminator="type")]
    Change = reduce(or_, _CHANGES)


class NewRule(RootModel[Definition]):
    """A rule to be made; `type` decides its fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _NEW,
                {"name": "Flapping", "type": "failure_rate", "failures": 3, "runs": 10, "apply_to": {"all": True}},
                {"name": "Slow", "type": "response_time", "threshold": 800, "aggregate": "p95", "window": 600,
                 "apply_to": {"tags": ["shop"]}},
                {"name": "Certificates", "type": "certificate_expiry", "threshold": 14, "severity": "medium",
                 "apply_to": {"all": True}},
                {"name": "Not measured", "type": "no_data", "window": 900, "apply_to": {"all": True}},
            ]
        }
    )  # fmt: skip


class RuleChange(RootModel[Change]):
    """What may change: the fields of the rule's type. Absent ones stay as they are, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"threshold": 5, "reminder_interval": 3600}]})


class RuleAnswer(Answer[Rule]):
    """The rule."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": RULE}})


class RuleList(Answer[list[Rule]]):
    """Rules, newest first."""

    meta: PageMeta


class BacktestRequest(RootModel[Tried]):
    """A rule to be tried on stored runs; it need not exist."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "consecutive_failures", "threshold": 3, "apply_to": {"all": True},
                 "from": "2024-01-08T00:00:00Z", "to": "2024-01-15T00:00:00Z"},
            ]
        }
    )  # fmt: skip


class WouldAlert(Shape):
    """An alert that the rule would have raised."""

    check_id: str
    triggered_at: Time
    resolved_at: Annotated[Time | None, Field(description="Null: it would still be open at `to`")]
    run_ids: Annotated[list[str], Field(description="The runs that prove it")]


class Tries(Shape):
    """What the rule would have done."""

    alerts: list[WouldAlert]
    notices: Annotated[
        dict[ChannelId, int], Field(description="How many messages each channel would have got, digests counted once")
    ]


class BacktestAnswer(Answer[Tries]):
    """What the rule would have done."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "alerts": [
                        {
                            "check_id": "mon_xyz789",
                            "triggered_at": "2024-01-12T03:14:00.210Z",
                            "resolved_at": "2024-01-12T03:31:00.198Z",
                            "run_ids": ["run_xyz789", "run_xyz790", "run_xyz791"],
                        }
                    ],
                    "notices": {"chan_abc123": 2},
                },
            }
        }
    )

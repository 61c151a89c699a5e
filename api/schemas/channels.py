"""Shapes of alert channels and of what goes through them."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from alerts.channels.registry import CHANNELS
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from model.fields import Name

if TYPE_CHECKING:
    ChannelType = str
    AnyChannel = BaseModel
else:
    ChannelType = Literal[tuple(CHANNELS)]
    AnyChannel = Annotated[
        reduce(
            or_,
            (
                create_model(
                    f"New{kind.capitalize()}Channel",
                    __config__=ConfigDict(extra="forbid"),
                    __doc__=channel.__doc__,
                    name=(Name, ...),
                    type=(Literal[kind], ...),
                    config=(channel, ...),
                )
                for kind, channel in CHANNELS.items()
            ),
        ),
        Field(discriminator="type"),
    ]

_EXAMPLE: dict[str, Any] = {
    "id": "chan_01hm6aqh20x4v9n2k7r1c3",
    "name": "Ops Alerts",
    "type": "slack",
    "config": {"webhook_url": "********"},
    "status": "active",
    "disabled_at": None,
    "disabled_reason": None,
    "created_at": "2024-01-15T10:30:00.000Z",
    "updated_at": "2024-01-15T10:30:00.000Z",
}


class Channel(Shape):
    """Where notices go. Secret parts of `config` read back as `********`."""

    id: str
    name: str
    type: ChannelType
    config: dict[str, Any]
    status: Annotated[Literal["active", "disabled"], Field(description="disabled: its receiver said that it is gone")]
    disabled_at: Time | None
    disabled_reason: str | None
    created_at: Time
    updated_at: Time


class NewChannel(Channel):
    """A channel just made; of a webhook with its signing secret, for the only time."""

    secret: Annotated[str, Field(description="Standard Webhooks: `whsec_…`")] | None = None


class ChannelAnswer(Answer[Channel]):
    """The channel."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": _EXAMPLE}})


class NewChannelAnswer(Answer[NewChannel]):
    """The channel that was made."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": _EXAMPLE}})


class ChannelList(Answer[list[Channel]]):
    """Channels, newest first."""

    meta: PageMeta


class ChannelRequest(RootModel[AnyChannel]):
    """A channel to be made; `type` decides its `config`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Ops Alerts",
                    "type": "slack",
                    "config": {"webhook_url": "https://hooks.slack.com/services/T0/B0/x"},
                },
                {"name": "Email Alerts", "type": "email", "config": {"recipients": ["on-call@example.com"]}},
                {
                    "name": "Our bot",
                    "type": "webhook",
                    "config": {"url": "https://bot.example.com/alerts", "headers": {"Authorization": "Token …"}},
                },
            ]
        }
    )


class ChannelChange(BaseModel):
    """What may change. `config` is replaced whole; `********` in it keeps what is stored."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Night shift"}]})

    name: Name | None = None
    config: dict[str, Any] | None = None


class TestResult(Shape):
    """What came of a test. Of a receiver's answer only the status is told."""

    delivered: bool
    status_code: int | None
    duration_ms: Annotated[float, Field(ge=0)]
    error: str | None


class TestAnswer(Answer[TestResult]):
    """What came of it."""


class Notification(Shape):
    """One event on its way to one channel. Its id is the same over all tries."""

    id: str
    alert_id: str | None
    notice_id: str | None
    channel_id: str
    event: str
    status: Literal["pending", "sent", "failed"]
    attempts: Annotated[int, Field(ge=0)]
    last_error: str | None
    status_code: int | None
    grouped: Annotated[bool, Field(description="It went in a digest with others")]
    fallback: Annotated[bool, Field(description="Told here because another channel did not get through")]
    created_at: Time
    next_try_at: Time | None
    sent_at: Time | None


class NotificationAnswer(Answer[Notification]):
    """The notification."""


class NotificationList(Answer[list[Notification]]):
    """Notifications, newest first; those that a later event took the place of are left out."""

    meta: PageMeta

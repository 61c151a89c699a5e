"""/v1/alert-channels: where notices go; and a way to try each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from alerts.channels.base import Delivered
from alerts.channels.webhook import new_signing_secret
from alerts.sending.once import send_test
from api.access import Caller, Scope, caller
from api.attempts import count_channel_test
from api.channel_configs import changed, channel_of_body, configured, plain, shape
from api.envelope import success
from api.errors import NotFound, no_such
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.channels import (
    ChannelAnswer,
    ChannelChange,
    ChannelList,
    ChannelRequest,
    ChannelType,
    NewChannelAnswer,
    TestAnswer,
)
from api.schemas.envelope import DeletedAnswer
from api.services import services
from store import alert_channels as stored
from store.alert_tables import AlertChannel
from store.write_lock import Urgency

routes = Routes("Alert channels", "Where alerts and notices go: Slack, email, webhooks, and a hundred services more.")


class ChannelPath(PathModel):
    channel_id: Annotated[str, Field(pattern=r"^chan_[0-9a-z]{6,40}$", description="The channel's id")]


class ChannelFilter(Page):
    """Which channels."""

    type: Annotated[ChannelType | None, Field(description="Only of this type")] = None


@routes.get("/v1/alert-channels", needs=Scope.READ, answers=ChannelList)
def list_channels(query: ChannelFilter) -> Response:
    """List channels, newest first."""
    with services().database.read(caller().organization_id) as session:
        found, total = stored.list_channels(session, channel_type=query.type, offset=query.offset, limit=query.per_page)
    return success([shape(channel) for channel in found], meta=page_meta(query, total))


@routes.post("/v1/alert-channels", needs=Scope.WRITE, answers=NewChannelAnswer, accepts=ChannelRequest, status=201)
def create_channel(body: dict[str, Any]) -> Response:
    """Make a channel.

    A webhook's signing `secret` is in this answer and nowhere else (Standard Webhooks 1.0).
    """
    shown, signing, warnings = make_channel(caller(), body)
    return success({**shown, **({"secret": signing} if signing else {})}, 201, no_store=True, warnings=warnings)


@routes.get("/v1/alert-channels/<channel_id>", needs=Scope.READ, answers=ChannelAnswer)
def show_channel(path: ChannelPath) -> Response:
    """Get a channel."""
    with services().database.read(caller().organization_id) as session:
        return success(shape(found_channel(session, path.channel_id)))


@routes.put("/v1/alert-channels/<channel_id>", needs=Scope.WRITE, answers=ChannelAnswer, accepts=ChannelChange)
def change_channel(path: ChannelPath, body: dict[str, Any]) -> Response:
    """Rename a channel or send it elsewhere.

    `config` is replaced whole; `********` in it keeps what is stored. A channel that was disabled works again.
    """
    return success(edit_channel(caller(), path.channel_id, body))


@routes.delete("/v1/alert-channels/<channel_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def remove_channel(path: ChannelPath) -> Response:
    """Delete a channel. Rules that name it reach it no more."""
    return success({"id": path.channel_id, "deleted": True}, warnings=drop_channel(caller(), path.channel_id))


@routes.post("/v1/alert-channels/<channel_id>/test", needs=Scope.WRITE, answers=TestAnswer, errors=(429,))
def try_channel(path: ChannelPath) -> Response:
    """Send `alert.test` to a channel now.

    The receiver's status is told, never what it said. When it arrives, what waits for the channel is tried at once, and
    a channel that was disabled works again.
    """
    return success(send_a_test(caller(), path.channel_id))


@routes.post("/v1/webhooks/<channel_id>/test", needs=Scope.WRITE, answers=TestAnswer, errors=(429,))
def try_webhook(path: ChannelPath) -> Response:
    """Send `alert.test` to a webhook now."""
    return success(send_a_test(caller(), path.channel_id, only="webhook"))


def make_channel(who: Caller, body: Mapping[str, Any]) -> tuple[dict[str, Any], str | None, list[str]]:
    """A new channel: (as the API shows it, a webhook's signing secret, warnings). Invalid."""
    state = services()
    name, kind, channel = channel_of_body(body)
    signing = new_signing_secret() if kind == "webhook" else None
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        row = stored.create_channel(
            session,
            state.keyring,
            who.organization_id,
            channel_type=kind,
            name=name,
            config=plain(channel),
            secret_fields=channel.secrets,
            signing_secret=signing,
            now_ms=state.database.now_ms(session),
        )
        shown = shape(row)
    return shown, signing, _mail_warning(kind)


def edit_channel(who: Caller, channel_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a PUT does; the channel as the API shows it then. Invalid, NotFound."""
    state = services()
    with state.database.read(who.organization_id) as session:
        name, channel = changed(found_channel(session, channel_id), state.keyring, body)
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        row = found_channel(session, channel_id, lock=True)
        stored.update_channel(
            session,
            state.keyring,
            row,
            name=name,
            config=plain(channel),
            secret_fields=channel.secrets,
            now_ms=state.database.now_ms(session),
        )
        return shape(row)


def drop_channel(who: Caller, channel_id: str) -> list[str]:
    """Delete a channel; warnings. NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        row = found_channel(session, channel_id, lock=True)
        stored.delete_channel(session, row, state.database.now_ms(session))
        alone = [name for name, channels in stored.rules_naming(session, row.id) if channels == [row.id]]
    return [f"rule {name} names no other channel: it tells nobody now" for name in alone]


def send_a_test(who: Caller, channel_id: str, only: str | None = None) -> dict[str, Any]:
    """Send `alert.test` now, and what came of it as the API shows it. `only`: to a channel of this type. NotFound,
    RateLimited."""
    state, organization_id = services(), who.organization_id
    with state.database.read(organization_id) as session:
        row = found_channel(session, channel_id)
        secrets = stored.channel_secrets(state.keyring, row)
        now_ms = state.database.now_ms(session)
    if only is not None and row.type != only:
        raise NotFound("There is no such webhook")
    count_channel_test(organization_id)
    channel = configured(row.type, stored.joined(row.config, secrets))
    signing = secrets.get(stored.SIGNING)
    answer, duration_ms = send_test(channel, row.id, row.name, signing, state.settings, state.keyring, now_ms)
    delivered = isinstance(answer, Delivered)
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        stored.note_test(session, row, delivered=delivered)
        if delivered:
            tested = found_channel(session, channel_id, lock=True)
            stored.reached_again(session, tested, state.database.now_ms(session))
    return {
        "delivered": delivered,
        "status_code": answer.status_code,
        "duration_ms": round(duration_ms, 1),
        "error": None if isinstance(answer, Delivered) else str(answer),
    }


def _mail_warning(kind: str) -> list[str]:
    if kind == "email" and not services().settings.smtp_url:
        return ["no mail server is set up: set TRACER_SMTP_URL, or nothing is sent to this channel"]
    return []


def found_channel(session: Session, channel_id: str, *, lock: bool = False) -> AlertChannel:
    """By id. NotFound."""
    found = stored.get_channel(session, channel_id, lock=lock)
    if found is None:
        raise no_such("channel", channel_id)
    return found

"""/alerts/channels: where alerts go, whether it arrives there, a test with its answer; and what did not arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from alerts.channels.registry import CHANNELS
from api import alert_channels as rest
from api.access import Scope
from api.errors import Conflict, Invalid, RateLimited
from api.notifications import resend_it
from api.pages.channel_forms import ABOUT, body_of, fields_of, shown, typed
from api.pages.forms import beside, page_number
from api.pages.gate import page, visitor
from api.pages.meanwhile import meanwhile, seen
from api.pages.rendering import go_to, render
from api.services import services
from store.alert_channels import list_channels
from store.alert_reading import channel_names
from store.alert_tables import AlertChannel
from store.channel_standings import Delivery, deliveries
from store.notification_lists import list_notifications

pages = Blueprint("channel_pages", __name__)
PER_PAGE = 100
_MOST_FAILED = 50
_HERE = "/alerts/channels"
_DONE = {
    "made": "The channel is made. Send a test, and name it in a rule: it hears of nothing before.",
    "changed": "The channel is changed.",
    "deleted": "The channel is deleted: rules that name it reach it no more.",
    "resent": "On its way again: it is tried for three days more.",
}


@dataclass(frozen=True)
class Line:
    """A channel in the list. `css`, `state`: whether it works."""

    channel: AlertChannel
    word: str
    css: str
    state: str
    delivery: Delivery


@pages.get(_HERE)
@page(Scope.READ)
def channels_page() -> Response:
    """The list."""
    return _page(done=_DONE.get(request.args.get("done", "")))


@pages.get(f"{_HERE}/new")
@page(Scope.WRITE)
def new_channel() -> Response:
    """A new channel's form, of the type in the address."""
    kind = _asked_type(request.args.get("type", next(iter(CHANNELS))))
    return _form(kind, dict.fromkeys(typed(kind), ""))


@pages.post(_HERE)
@page(Scope.WRITE)
def make_channel_here() -> Response:
    """Make a channel by the form; of a webhook the page that follows shows its signing secret, this once."""
    kind = _asked_type(request.form.get("type", ""))
    try:
        made, signing, warnings = rest.make_channel(visitor().caller, {"type": kind, **body_of(kind)})
    except Invalid as error:
        return _form(kind, typed(kind), wrong=error.fields, status=error.status)
    if signing is None and not warnings:
        return go_to(f"{_HERE}?done=made")
    return _page(done=_DONE["made"], signing=(made["name"], signing) if signing else None, warnings=warnings)


@pages.get(f"{_HERE}/<channel_id>")
@page(Scope.WRITE)
def channel_page(channel_id: str) -> Response:
    """A channel's form, its secrets masked."""
    channel = _channel(channel_id)
    return _form(channel.type, shown(channel.type, channel.name, channel.config), channel=channel)


@pages.post(f"{_HERE}/<channel_id>")
@page(Scope.WRITE)
def change_channel_here(channel_id: str) -> Response:
    """Change a channel by the form."""
    channel = _channel(channel_id)
    if told := meanwhile(channel.id):
        wrong = {"": [told.said()]}
        return _form(channel.type, typed(channel.type), channel=channel, wrong=wrong, status=Conflict.status)
    try:
        rest.edit_channel(visitor().caller, channel_id, body_of(channel.type))
    except Invalid as error:
        return _form(channel.type, typed(channel.type), channel=channel, wrong=error.fields, status=error.status)
    return go_to(f"{_HERE}?done=changed")


@pages.post(f"{_HERE}/<channel_id>/test")
@page(Scope.WRITE)
def test_channel_here(channel_id: str) -> Response:
    """Send a test; the page that follows says what came of it."""
    try:
        answer = rest.send_a_test(visitor().caller, channel_id)
    except RateLimited as error:
        return _page({"": [error.message]}, error.status, headers=error.headers)
    return _page(tested=(channel_id, answer))


@pages.post(f"{_HERE}/<channel_id>/delete")
@page(Scope.WRITE)
def delete_channel_here(channel_id: str) -> Response:
    """Delete a channel."""
    warnings = rest.drop_channel(visitor().caller, channel_id)
    return _page(done=_DONE["deleted"], warnings=warnings) if warnings else go_to(f"{_HERE}?done=deleted")


@pages.post("/alerts/notifications/<notification_id>/resend")
@page(Scope.WRITE)
def resend_here(notification_id: str) -> Response:
    """Send again what did not arrive."""
    try:
        resend_it(visitor().caller, notification_id)
    except Conflict as error:
        return _page({"": [error.message]}, error.status)
    return go_to(f"{_HERE}?done=resent")


def _asked_type(kind: str) -> str:
    if kind not in CHANNELS:
        raise Invalid({"type": [f"there is no {kind[:40]!r}: choose one of {', '.join(CHANNELS)}"]})
    return kind


def _channel(channel_id: str) -> AlertChannel:
    with services().database.read(visitor().caller.organization_id) as session:
        return rest.found_channel(session, channel_id)


def _page(
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    **said: Any,
) -> Response:
    state, number = services(), page_number()
    with state.database.read(visitor().caller.organization_id) as session:
        found, total = list_channels(session, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
        standing = deliveries(session, found)
        failed, of_all = list_notifications(
            session, status="failed", channel_id=None, alert_id=None, page=(0, _MOST_FAILED)
        )
        names = channel_names(session, [sent.channel_id for sent in failed])
        now_ms = state.database.now_ms(session)
    response = render(
        "channels.html",
        status,
        no_store=True,
        lines=[_line(channel, standing[channel.id]) for channel in found],
        number=number,
        more=total > number * PER_PAGE,
        failed=failed,
        failed_in_all=of_all,
        names=names,
        wrong={name: messages[0] for name, messages in (wrong or {}).items()},
        now_ms=now_ms,
        **{"done": None, "signing": None, "warnings": [], "tested": (None, None), **said},
    )
    response.headers.extend(headers or {})
    return response


def _line(channel: AlertChannel, delivery: Delivery) -> Line:
    word = ABOUT.get(channel.type, (channel.type, ""))[0]
    if channel.disabled_ms is not None:
        return Line(channel, word, "down", "Switched off by its receiver", delivery)
    if delivery.failing_ms is not None:
        return Line(channel, word, "down", "Does not arrive", delivery)
    if delivery.sent_ms is not None:
        return Line(channel, word, "up", "Works", delivery)
    return Line(channel, word, "unknown", "No alert was sent yet", delivery)


def _form(
    kind: str,
    values: Mapping[str, str],
    *,
    channel: AlertChannel | None = None,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
) -> Response:
    fields = fields_of(kind)
    names = ["name", *(each["name"] for each in fields)]
    return render(
        "channel.html",
        status,
        no_store=True,
        channel=channel,
        seen=seen(None if channel is None else channel.id),
        kind=kind,
        kinds=[(each, ABOUT.get(each, (each, ""))[0]) for each in CHANNELS],
        about=ABOUT.get(kind, (kind, "")),
        values=values,
        fields=fields,
        wrong=beside(wrong, names, "config."),
    )

"""Channels: their configuration with its secrets parted from it and encrypted, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.secrets import MASK
from store.alert_tables import AlertChannel, AlertRule
from store.audit import Target, note
from store.counting import one_page
from store.keyring import Cell, Keyring
from store.notifications import due_now
from store.statements import rows

_WORKING = (
    "SELECT id FROM alert_channels WHERE organization_id = ? AND id IN ? AND deleted_ms IS NULL AND disabled_ms IS NULL"
)

SIGNING = "secret"
"""Where a webhook's signing secret stands among a channel's secrets."""


def channel_cell(organization_id: str, channel_id: str) -> Cell:
    """Where a channel's secrets are at home."""
    return Cell(organization_id, AlertChannel.__tablename__, channel_id, "secrets")


def parted(config: Mapping[str, Any], secret_fields: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """A whole config -> (the same with secrets masked, the secrets by path, such as `url` or `headers.X-Team`)."""
    public = dict(config)
    secrets: dict[str, str] = {}
    for name in secret_fields:
        value = public.get(name)
        if isinstance(value, str):
            secrets[name], public[name] = value, MASK
        elif isinstance(value, dict):
            secrets |= {f"{name}.{key}": text for key, text in value.items()}
            public[name] = dict.fromkeys(value, MASK)
    return public, secrets


def joined(public: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The inverse of `parted`: each mask that has a stored value becomes it again."""
    whole: dict[str, Any] = {}
    for name, value in public.items():
        if value == MASK:
            whole[name] = secrets.get(name, MASK)
        elif isinstance(value, dict):
            whole[name] = {
                key: secrets.get(f"{name}.{key}", MASK) if inner == MASK else inner for key, inner in value.items()
            }
        else:
            whole[name] = value
    return whole


def channel_secrets(keyring: Keyring, channel: AlertChannel) -> dict[str, str]:
    """A channel's secrets by path. UndecryptableError when they are not its own."""
    if channel.secrets is None:
        return {}
    plain = keyring.decrypt(channel.secrets, channel_cell(channel.organization_id, channel.id))
    return msgspec.json.decode(plain, type=dict[str, str])


def create_channel(
    session: Session,
    keyring: Keyring,
    organization_id: str,
    *,
    channel_type: str,
    name: str,
    config: Mapping[str, Any],
    secret_fields: Sequence[str],
    signing_secret: str | None,
    now_ms: int,
) -> AlertChannel:
    """A new channel; `config` is whole."""
    public, secrets = parted(config, secret_fields)
    if signing_secret is not None:
        secrets[SIGNING] = signing_secret
    channel_id = new_id("chan", now_ms)
    row = AlertChannel(
        id=channel_id,
        organization_id=organization_id,
        type=channel_type,
        name=name,
        config=public,
        secrets=_sealed(keyring, organization_id, channel_id, secrets),
        created_ms=now_ms,
        updated_ms=now_ms,
        deleted_ms=None,
        disabled_ms=None,
        disabled_reason=None,
    )
    session.add(row)
    session.flush()
    return row


def update_channel(
    session: Session,
    keyring: Keyring,
    channel: AlertChannel,
    *,
    name: str,
    config: Mapping[str, Any],
    secret_fields: Sequence[str],
    now_ms: int,
) -> None:
    """Rename it or send it elsewhere. With another configuration it is tried again at once, also if it was disabled;
    what is as it was does not count as a change."""
    old = channel_secrets(keyring, channel)
    public, secrets = parted(config, secret_fields)
    if SIGNING in old:
        secrets[SIGNING] = old[SIGNING]
    elsewhere = public != channel.config or secrets != old
    if elsewhere:
        channel.disabled_ms = channel.disabled_reason = None
        channel.config = public
        if secrets != old:
            channel.secrets = _sealed(keyring, channel.organization_id, channel.id, secrets)
        due_now(session, channel.id, now_ms)
    if elsewhere or name != channel.name:
        channel.name, channel.updated_ms = name, now_ms
    session.flush()


def delete_channel(session: Session, channel: AlertChannel, now_ms: int) -> None:
    """Gone from lists, and its secrets with it; rules that name it reach it no more."""
    channel.deleted_ms = channel.updated_ms = now_ms
    channel.secrets = None
    session.flush()


def disable_channel(session: Session, channel_id: str, reason: str, now_ms: int) -> AlertChannel | None:
    """Send nothing there any more: the receiver says that it is gone for good. None when that was known."""
    channel = session.get(AlertChannel, channel_id)
    if channel is None or channel.deleted_ms is not None or channel.disabled_ms is not None:
        return None
    channel.disabled_ms, channel.disabled_reason = now_ms, reason[:500]
    session.flush()
    return channel


def note_test(session: Session, channel: AlertChannel, *, delivered: bool) -> None:
    """Somebody had a test message sent there."""
    target = Target("channel", channel.id, channel.name)
    note(session, channel.organization_id, "channel.tested", target, after={"delivered": delivered})


def reached_again(session: Session, channel: AlertChannel, now_ms: int) -> None:
    """A test has arrived: it is not disabled any more, and what waits for it is tried now."""
    channel.disabled_ms = channel.disabled_reason = None
    due_now(session, channel.id, now_ms)
    session.flush()


def get_channel(session: Session, channel_id: str, *, lock: bool = False) -> AlertChannel | None:
    """A channel that is not deleted. `lock`: nobody else may edit it until this transaction ends."""
    statement = select(AlertChannel).where(AlertChannel.id == channel_id, AlertChannel.deleted_ms.is_(None))
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def channel_of(session: Session, channel_id: str) -> AlertChannel | None:
    """A channel, deleted or not: for its sender."""
    return session.get(AlertChannel, channel_id)


def list_channels(
    session: Session, *, channel_type: str | None = None, offset: int = 0, limit: int = 20
) -> tuple[list[AlertChannel], int]:
    """Channels that are not deleted, newest first, and how many there are (counted to 10,001)."""
    statement = select(AlertChannel).where(AlertChannel.deleted_ms.is_(None))
    if channel_type is not None:
        statement = statement.where(AlertChannel.type == channel_type)
    newest_first = statement.order_by(AlertChannel.created_ms.desc(), AlertChannel.id.desc())
    return one_page(session, newest_first, (offset, limit))


def existing_channel_ids(session: Session, channel_ids: Collection[str]) -> set[str]:
    """Those of the ids that are channels here and not deleted."""
    wanted = select(AlertChannel.id).where(AlertChannel.id.in_(channel_ids), AlertChannel.deleted_ms.is_(None))
    return set(session.scalars(wanted))


def working_channels(session: Session, organization_id: str, channel_ids: Collection[str]) -> list[str]:
    """Those that are neither deleted nor disabled by their receivers, in the order given."""
    if not channel_ids:
        return []
    found = {found for (found,) in rows(session, _WORKING, organization_id, list(channel_ids), of=organization_id)}
    return [channel_id for channel_id in channel_ids if channel_id in found]


def rules_naming(session: Session, channel_id: str) -> list[tuple[str, list[str]]]:
    """(the name of each rule that names this channel, all channels it names)."""
    wanted = select(AlertRule.name, AlertRule.definition).where(AlertRule.deleted_ms.is_(None))
    named = [(name, list(definition.get("channels") or ())) for name, definition in session.execute(wanted)]
    return [(name, channels) for name, channels in named if channel_id in channels]


def _sealed(keyring: Keyring, organization_id: str, channel_id: str, secrets: Mapping[str, str]) -> bytes | None:
    if not secrets:
        return None
    return keyring.encrypt(msgspec.json.encode(dict(secrets)), channel_cell(organization_id, channel_id))

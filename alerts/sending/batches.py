"""One transaction of claiming: what a channel is to be sent next, with all that is needed to send it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from alerts.channels.base import Channel, Undelivered
from alerts.channels.registry import CHANNELS
from alerts.sending.pace import WINDOW_MS, Turn, in_company, next_turn
from model.fields import STORED
from store.alert_channels import SIGNING, channel_of, channel_secrets, joined
from store.keyring import Keyring, UndecryptableError
from store.outbox import About, Claimed, claim_due, gathered_by, recent_messages

MOST_IN_A_DIGEST = 5_000
_LONGEST_WAIT_MS = {About.ALERTS: WINDOW_MS, About.NOTICES: 1_000}
"""How long a channel may be left alone because such a message has to wait. An alert may come while notices wait, and
that must not."""
_log = structlog.get_logger(__name__)


class Batch(msgspec.Struct):
    """What is this sender's to send to a channel now. `wait_ms`: nothing before that. `refusal`: why none of it can be
    sent. `grouped`: as one message."""

    claimed: list[Claimed]
    channel: Channel | None = None
    signing_secret: str | None = None
    grouped: bool = False
    wait_ms: int = 0
    refusal: Undelivered | None = None


def next_batch(session: Session, keyring: Keyring, channel_id: str, claim: str, room: int, now_ms: int) -> Batch:
    """Claim what may go to this channel now, `room` notifications at most where they go singly."""
    row = channel_of(session, channel_id)
    if row is None or row.deleted_ms is not None:
        return _refused(session, channel_id, claim, now_ms, "the channel was deleted")
    if row.disabled_ms is not None:
        return _refused(session, channel_id, claim, now_ms, f"the channel is disabled: {row.disabled_reason}")
    try:
        secrets = channel_secrets(keyring, row)
        channel = _channel(row.type, msgspec.json.encode(joined(row.config, secrets)))
    except UndecryptableError:
        _log.error("channel.undecryptable", channel_id=channel_id)
        return _refused(session, channel_id, claim, now_ms, "the channel's secrets can't be read", for_good=False)
    except (KeyError, ValidationError):
        _log.error("channel.unusable", channel_id=channel_id, type=row.type)
        return _refused(session, channel_id, claim, now_ms, "the channel's configuration is not usable any more")
    signing = secrets.get(SIGNING)
    if not channel.in_digests:
        return Batch(claim_due(session, channel_id, claim, room, now_ms), channel, signing)
    waits: list[int] = []
    for about, longest_ms in _LONGEST_WAIT_MS.items():
        turn = _turn(session, channel_id, about, now_ms)
        if turn.wait_ms:
            waits.append(min(turn.wait_ms, longest_ms))
            continue
        claimed = claim_due(session, channel_id, claim, MOST_IN_A_DIGEST if turn.grouped else 1, now_ms, about)
        if claimed:
            return Batch(claimed, channel, signing, turn.grouped)
    return Batch([], wait_ms=max(waits, default=0))


def _turn(session: Session, channel_id: str, about: About, now_ms: int) -> Turn:
    """Alerts and notices have a pace each: what Tracer says about itself must not hold up an alert."""
    singles, digests = recent_messages(session, channel_id, about, now_ms)
    gathered = gathered_by(session, channel_id, about, digests[-1] + WINDOW_MS)[0] if digests else 0
    turn = next_turn(singles, digests, now_ms, gathered=gathered)
    if about is About.ALERTS or turn.wait_ms or turn.grouped:
        return turn
    return in_company(*gathered_by(session, channel_id, about, now_ms), now_ms)


def _refused(session: Session, channel_id: str, claim: str, now_ms: int, why: str, *, for_good: bool = True) -> Batch:
    claimed = claim_due(session, channel_id, claim, MOST_IN_A_DIGEST, now_ms)
    return Batch(claimed, refusal=Undelivered(why, permanent=for_good))


@lru_cache(maxsize=1_024)
def _parsed(kind: str, config: bytes) -> Any:
    return CHANNELS[kind].model_validate(msgspec.json.decode(config), context=STORED)


def _channel(kind: str, config: bytes) -> Channel:
    found: Channel = _parsed(kind, config)
    return found

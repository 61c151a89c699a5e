"""One transaction of recording: what came of the tries, and what follows from it for channels, rules and owners."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.channels.base import Delivered, Undelivered
from alerts.messages import channel_notices
from alerts.notices import raise_notice, resolve_notice
from alerts.sending.retries import next_try_ms
from store.alert_channels import disable_channel
from store.alert_tables import Notice
from store.outbox import Claimed, Outcome, record_outcomes
from store.undelivered import tell_others

CHANNEL_FAILING = "channel_failing"
CHANNEL_DISABLED = "channel_disabled"


class Result(msgspec.Struct, frozen=True):
    """What came of one try of one notification."""

    claimed: Claimed
    channel_id: str
    answer: Delivered | Undelivered
    grouped: bool


def record_results(session: Session, results: Sequence[Result], claim: str, page_url: str, now_ms: int) -> None:
    """All in the transaction of the outcomes (R8): a channel that is gone is disabled and owners are told; what can't
    be delivered is told to the rule's other channels; a channel that works again is no trouble any more."""
    outcomes = [_outcome(result, now_ms) for result in results]
    record_outcomes(session, outcomes, claim)
    for channel_id, reason in _gone(results).items():
        channel = disable_channel(session, channel_id, reason, now_ms)
        if channel is not None:
            raise_notice(
                session, channel.organization_id, kind=CHANNEL_DISABLED, subject=channel.id, severity="high",
                message=channel_notices.disabled(session, channel), link=page_url, now_ms=now_ms,
            )  # fmt: skip
    failed = [outcome.id for outcome in outcomes if outcome.status == "failed"]
    if failed:
        why = "what could not be delivered is among the failed notifications"
        say_undelivered(session, failed, why, page_url, now_ms)
    _say_delivered(session, {result.channel_id for result in results if isinstance(result.answer, Delivered)}, now_ms)


def _gone(results: Sequence[Result]) -> dict[str, str]:
    return {
        result.channel_id: str(result.answer)
        for result in results
        if isinstance(result.answer, Undelivered) and result.answer.gone
    }


def _outcome(result: Result, now_ms: int) -> Outcome:
    claimed, answer = result.claimed, result.answer
    if isinstance(answer, Delivered):
        return Outcome(claimed.id, "sent", now_ms, now_ms, answer.status_code, answer.note, result.grouped)
    again_ms = (
        None
        if answer.permanent
        else next_try_ms(claimed.id, claimed.attempts + 1, claimed.tries_from_ms, now_ms, answer.retry_after_s)
    )
    status = "failed" if again_ms is None else "pending"
    return Outcome(claimed.id, status, now_ms, again_ms or now_ms, answer.status_code, str(answer)[:500])


def say_undelivered(session: Session, notification_ids: Sequence[str], why: str, page_url: str, now_ms: int) -> None:
    """Tell the rules' other channels, and the owners which channels it was."""
    for organization_id, channel in tell_others(session, notification_ids, now_ms):
        if channel.disabled_ms is None:
            raise_notice(
                session, organization_id, kind=CHANNEL_FAILING, subject=channel.id, severity="high",
                message=f"{channel_notices.named(session, channel)} fails: {why}", link=page_url, now_ms=now_ms,
            )  # fmt: skip


def _say_delivered(session: Session, channel_ids: set[str], now_ms: int) -> None:
    if not channel_ids:
        return
    known = select(Notice.organization_id, Notice.kind, Notice.subject).where(
        Notice.kind.in_((CHANNEL_FAILING, CHANNEL_DISABLED)),
        Notice.subject.in_(channel_ids),
        Notice.resolved_ms.is_(None),
    )
    for organization_id, kind, subject in session.execute(known).all():
        resolve_notice(session, organization_id, kind=kind, subject=subject, now_ms=now_ms)

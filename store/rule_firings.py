"""When alert rules last held, and how often of late."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from store.alert_tables import Alert


class Fired(NamedTuple):
    """`last_ms`: when its newest alert was raised; `lately`: how many since then; `open`: how many are."""

    last_ms: int
    lately: int
    open: int


def rule_firings(session: Session, rule_ids: Collection[str], since_ms: int) -> dict[str, Fired]:
    """By rule; one that never fired is left out. Alerts that were withdrawn do not count."""
    wanted = (
        select(
            Alert.rule_id,
            func.max(Alert.triggered_ms),
            func.sum(case((Alert.triggered_ms >= since_ms, 1), else_=0)),
            func.sum(case((Alert.resolved_ms.is_(None), 1), else_=0)),
        )
        .where(Alert.rule_id.in_(set(rule_ids)), Alert.retracted.is_(False))
        .group_by(Alert.rule_id)
    )
    return {row[0]: Fired(int(row[1]), int(row[2]), int(row[3])) for row in session.execute(wanted)}

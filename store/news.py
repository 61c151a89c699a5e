"""Reading the stream: what was told to an organization's listeners after a number, in order.

Runs, and how far journeys have come, are kept as the ids of the runs and read when somebody listens: a batch of results
costs the stream one row, and a listener pays for what it hears. Pages are kept for KEPT_MS; who comes later is told
what it has missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.times import DAY_MS
from store.retention_walk import Deleting
from store.statements import rows
from store.tables import Run
from store.walk_progress import progress_of_runs

KEPT_MS = DAY_MS
PAGES = 20
"""Read at a time."""
_RUN = (
    Run.id, Run.check_id, Run.status, Run.location, Run.trigger, Run.at_ms, Run.started_ms, Run.completed_ms,
    Run.duration_ms, Run.degraded, Run.dns_ms, Run.connect_ms, Run.tls_ms, Run.ttfb_ms, Run.download_ms,
    Run.error_code, Run.error_message, Run.probe_id,
)  # fmt: skip
_PAGES = "SELECT last_seq, news FROM stream_pages WHERE organization_id = ? AND last_seq > ? ORDER BY last_seq LIMIT ?"
_OLD = "SELECT last_seq, organization_id FROM stream_pages WHERE at_ms < ? LIMIT ?"


class Told(msgspec.Struct, frozen=True):
    """One message: a run as it stands now (and whether its location changed its mind with it), an alert as it stood
    then, or how far a journey has come by now (store.journey_tables.WalkProgress)."""

    seq: int
    run: Any = None
    turned: bool = False
    alert: dict[str, Any] | None = None
    walk: Any = None


class Reading(msgspec.Struct, frozen=True):
    """`first`: the number that what is kept begins with; beyond the one asked for, messages were missed. `last`: how
    far this reading goes. `more`: there may be more."""

    told: list[Told]
    first: int
    last: int
    more: bool


def newest_number(session: Session, organization_id: str) -> int:
    """The number of the newest message, 0 when there was none yet."""
    return newest_numbers(session, [organization_id]).get(organization_id, 0)


def newest_numbers(session: Session, organization_ids: Collection[str]) -> dict[str, int]:
    """The same of several organizations; one without messages is missing. The session sees every organization."""
    found = rows(session, "SELECT organization_id, seq FROM stream_heads WHERE organization_id IN ?",
                 sorted(organization_ids))  # fmt: skip
    return {organization_id: int(seq) for organization_id, seq in found}


def told_after(session: Session, organization_id: str, seen: int) -> Reading:
    """What was told to this organization after number `seen`, oldest first. A run that is not stored any more is left
    out, and so is one on its way that has ended since, or of which more is told here. The session sees every
    organization."""
    head = newest_number(session, organization_id)
    found = rows(session, _PAGES, organization_id, seen, PAGES)
    if not found:
        return Reading([], head + 1, max(seen, head), more=False)
    numbered = [entry for last, news in found for entry in _numbered(int(last), msgspec.json.decode(news))]
    runs = _runs(session, organization_id, [run_id for _, news in numbered if (run_id := _run_of(news)) is not None])
    newest = {news["walk"]: seq for seq, news in numbered if isinstance(news, dict) and "walk" in news}
    walks = progress_of_runs(session, newest)
    told = []
    for seq, news in numbered:
        if seq <= seen:
            continue
        run_id = _run_of(news)
        if run_id in runs:
            told.append(Told(seq, runs[run_id], turned=isinstance(news, dict)))
        elif run_id is None and "alert" in news:
            told.append(Told(seq, alert=news["alert"]))
        elif run_id is None and newest[news["walk"]] == seq and news["walk"] in walks:
            told.append(Told(seq, walk=walks[news["walk"]]))
    return Reading(told, numbered[0][0], int(found[-1][0]), more=len(found) == PAGES)


def news_steps(deleting: Deleting, before_ms: int) -> Iterator[int]:
    """Removes pages that are too old, a batch at each step; yields how many."""
    while old := deleting.find(_OLD, before_ms):
        one = "DELETE FROM stream_pages WHERE last_seq = ? AND organization_id = ?"
        yield deleting.delete_each(one, [tuple(row) for row in old])


def _numbered(last: int, news: list[Any]) -> Iterator[tuple[int, Any]]:
    return enumerate(news, last - len(news) + 1)


def _run_of(news: Any) -> str | None:
    found = news if isinstance(news, str) else news.get("turned")
    return found if isinstance(found, str) else None


def _runs(session: Session, organization_id: str, run_ids: list[str]) -> dict[str, Any]:
    if not run_ids:
        return {}
    wanted = select(*_RUN).where(Run.id.in_(run_ids), Run.organization_id == organization_id)
    return {row.id: row for row in session.execute(wanted)}

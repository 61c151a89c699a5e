"""The scheduler has stopped: looked for by the API, since nobody else could say so.

An API that was away itself, or can't reach the database, is no judge: only one that has served for GONE_MS. So a
machine that slept, or a database that was locked, is one notice of an absence (impaired.py) and not this one too.
"""

from __future__ import annotations

from collections.abc import Iterable

from alerts.self_watch.watching import Trouble, View, Watch
from model.notices import NoticeKind
from model.times import spoken
from store.notices import organization_ids
from store.service_clock import service
from store.shards import CHECKPOINT_MAX_AGE_MS, oldest_checkpoint_ms

GONE_MS = 30_000
SUBJECT = "scheduler"


def _look(view: View) -> Iterable[Trouble] | None:
    clock = service(view.session)
    if not clock.serving(view.now_ms):
        return None
    if not view.known and view.now_ms - clock.serving_since_ms < GONE_MS:
        return None
    checkpoint_ms = oldest_checkpoint_ms(view.session)
    if checkpoint_ms is None:
        what = "No scheduler has started"
    elif view.now_ms - checkpoint_ms > (CHECKPOINT_MAX_AGE_MS if view.known else GONE_MS):
        what = f"The scheduler stopped at {spoken(checkpoint_ms)}"
    else:
        return []
    message = f"{what}: no check is run until one works again (tracer scheduler, or tracer up on one machine)."
    return [
        Trouble(organization_id, NoticeKind.SCHEDULER_STOPPED, SUBJECT, "critical", message)
        for organization_id in organization_ids(view.session)
    ]


WATCH = Watch((NoticeKind.SCHEDULER_STOPPED,), _look)

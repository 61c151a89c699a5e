"""Tracer was away: its machine slept, its database was locked, somebody stopped it. Told once it is back for good, with
what that cost; one notice an absence, whatever the reason.

The measure is the API's own clock (store/service_clock.py): whatever stops it from saying "I serve" stops results from
being stored. A scheduler that stops alone is seen while it happens (api/scheduler_watch.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from alerts.self_watch.watching import Trouble, View, Watch
from model.notices import NoticeKind
from model.times import iso, spoken
from store.service_clock import STEADY_MS, service
from store.unmeasured import lost_to_absence, organizations_with_checks

WORTH_TELLING_MS = 30_000
SETTLED_MS = STEADY_MS - 10_000
"""By then every slot of the absence is accounted for, and probes have sent what they kept meanwhile."""
RECENT_MS = 3_600_000


def _look(view: View) -> Iterable[Trouble]:
    clock = service(view.session)
    from_ms, until_ms = clock.away_from_ms, clock.serving_since_ms
    if from_ms is None or until_ms - from_ms <= WORTH_TELLING_MS or not clock.serving(view.now_ms):
        return []
    if not SETTLED_MS <= view.now_ms - until_ms <= RECENT_MS:
        return []
    subject = str(iso(from_ms))
    untold = [
        organization_id
        for organization_id in organizations_with_checks(view.session)
        if not view.told(organization_id, NoticeKind.IMPAIRED, subject)
    ]
    if not untold:
        return []
    lost = lost_to_absence(view.session, from_ms, until_ms)
    return [
        Trouble(
            organization_id, NoticeKind.IMPAIRED, subject, "medium",
            f"Tracer was away from {spoken(from_ms)} to {spoken(until_ms)}: {_counted(lost[organization_id])}.",
            between_ms=(from_ms, until_ms),
        )
        for organization_id in untold
    ]  # fmt: skip


def _counted(lost: int) -> str:
    if lost == 0:
        return "no run was due"
    return "1 run was not measured" if lost == 1 else f"{lost} runs were not measured"


WATCH = Watch((NoticeKind.IMPAIRED,), _look)

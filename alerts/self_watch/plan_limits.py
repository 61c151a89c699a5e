"""More runs than the plan allows: owners are told once a month, and monitoring goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alerts.self_watch.watching import Trouble, View, Watch
from model.months import month_name, month_of, next_month
from model.notices import NoticeKind
from model.times import spoken
from store.notices import organization_ids
from store.usage import all_runs_used

_CALLED = {"api_runs": "runs of monitors", "browser_runs": "runs of journeys"}


def _look(view: View) -> Iterable[Trouble]:
    if all(getattr(plan.limits, kind) is None for plan in view.plans.plans for kind in _CALLED):
        return ()
    return list(_over(view, month_of(view.now_ms)))


def _over(view: View, month_ms: int) -> Iterator[Trouble]:
    used = all_runs_used(view.session, month_ms, organization_ids(view.session))
    for organization_id, by_kind in sorted(used.items()):
        plan = view.plans.of(organization_id)
        for kind, called in _CALLED.items():
            most: int | None = getattr(plan.limits, kind)
            if most is None or by_kind.get(kind, 0) <= most:
                continue
            key = organization_id, NoticeKind.PLAN_LIMIT, f"{kind} {month_name(month_ms)}"
            if view.told(*key) and not view.knows(*key):
                continue  # the limit went up and down again: this month they know
            message = (
                f"This month has had more {called} than the plan {plan.name} allows ({most:,}). Everything goes on "
                f"being checked; the count begins anew at {spoken(next_month(month_ms))}."
            )
            yield Trouble(*key, "low", message)


WATCH = Watch((NoticeKind.PLAN_LIMIT,), _look, ends_quietly=True)

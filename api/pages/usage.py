"""/settings/usage: what has been used, month by month, against what the plan allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from api.access import Scope
from api.families import MONITOR
from api.pages.gate import page, visitor
from api.pages.rendering import render
from api.services import services
from model.months import month_of
from model.plans import Plan
from store.checks import count_checks
from store.usage import runs_used

pages = Blueprint("usage_settings", __name__)
_MONTHS = 6
WIDTH = 1_000
_NEAR = 0.8
"""Of a limit: from there on it is said."""
_NAMES = {"monitors": "Monitors", "api_runs": "Runs of monitors", "browser_runs": "Runs of journeys"}


@dataclass(frozen=True)
class Bar:
    """`width`: of WIDTH, of the limit, or without one of the largest month; `css`: how near the limit it is;
    `said`: the same in words."""

    used: int
    width: int
    css: str
    said: str


@dataclass(frozen=True)
class Kind:
    name: str
    now: Bar
    limit: int | None


@dataclass(frozen=True)
class Month:
    """A month that began at `month_ms`; its bars by kind of run."""

    month_ms: int
    bars: Sequence[Bar]


@pages.get("/settings/usage")
@page(Scope.READ)
def usage_page() -> Response:
    """This month against the plan's limits, and the months before."""
    state, organization_id = services(), visitor().caller.organization_id
    plan = state.settings.plans.of(organization_id)
    with state.database.read(organization_id) as session:
        months = _months(session, organization_id, state.database.now_ms(session))
        used = {"monitors": count_checks(session, MONITOR.kinds), **months[0][1]}
    limits = plan.limits.model_dump()
    kinds = [Kind(_NAMES.get(name, name), _bar(used.get(name, 0), limit), limit) for name, limit in limits.items()]
    return render(
        "usage.html",
        plan=plan,
        kinds=kinds,
        months=_history(months, plan),
        run_names=[_NAMES["api_runs"], _NAMES["browser_runs"]],
        width=WIDTH,
    )


def _months(session: Session, organization_id: str, now_ms: int) -> list[tuple[int, dict[str, int]]]:
    """The newest first: when it began, and the runs of each kind in it."""
    found, month_ms = [], month_of(now_ms)
    for _ in range(_MONTHS):
        found.append((month_ms, runs_used(session, organization_id, month_ms)))
        month_ms = month_of(month_ms - 1)
    return found


def _history(months: Sequence[tuple[int, dict[str, int]]], plan: Plan) -> list[Month]:
    limits = plan.limits.model_dump()
    kinds = ("api_runs", "browser_runs")
    most = {kind: max(used.get(kind, 0) for _, used in months) for kind in kinds}
    return [
        Month(month_ms, [_bar(used.get(kind, 0), limits.get(kind), most[kind]) for kind in kinds])
        for month_ms, used in months
    ]


def _bar(used: int, limit: int | None, most: int = 0) -> Bar:
    whole = limit if limit is not None else most
    width = min(WIDTH, round(WIDTH * used / whole)) if whole else (WIDTH if used and limit == 0 else 0)
    if limit is None:
        return Bar(used, width, "up", f"{used:,}, no limit")
    css = "down" if used > limit else ("degraded" if used >= _NEAR * limit else "up")
    over = f", {used - limit:,} over it" if used > limit else ""
    return Bar(used, width, css, f"{used:,} of {limit:,}{over}")

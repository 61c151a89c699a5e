"""/v1/usage and /v1/plans: what the organization has used this month, and what it may (seed 003: /v1/billing/…)."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.access import Scope, caller
from api.envelope import success
from api.families import MONITOR
from api.routes import Routes
from api.schemas.usage import PlanList, UsageAnswer
from api.services import services
from model.months import month_of, next_month
from model.plans import Plan
from model.times import iso_seconds
from store.checks import count_checks
from store.usage import runs_used

routes = Routes("Usage", "What has been used this calendar month (UTC), and what the plan allows.")


@routes.get("/v1/usage", needs=Scope.READ, answers=UsageAnswer)
def show_usage() -> Response:
    """Get what is used.

    `api_runs` counts the runs of monitors that a probe measured, passed or failed, whatever asked for them; a run that
    was retried counts once, heartbeats do not. `browser_runs` counts those of journeys. `limit` is null where the plan
    sets none. Over the limit of monitors, making one is 402; over a limit of runs, monitoring goes on.
    """
    return _usage()


@routes.get("/v1/billing/usage", needs=Scope.READ, answers=UsageAnswer)
def show_billing_usage() -> Response:
    """Get what is used: the same as /v1/usage."""
    return _usage()


@routes.get("/v1/plans", needs=Scope.READ, answers=PlanList)
def list_plans() -> Response:
    """List the plans there are. `current` is the organization's."""
    return _plans()


@routes.get("/v1/billing/plans", needs=Scope.READ, answers=PlanList)
def list_billing_plans() -> Response:
    """List the plans there are: the same as /v1/plans."""
    return _plans()


def _usage() -> Response:
    state, organization_id = services(), caller().organization_id
    plan = state.settings.plans.of(organization_id)
    with state.database.read(organization_id) as session:
        month_ms = month_of(state.database.now_ms(session))
        used = runs_used(session, organization_id, month_ms)
        used["monitors"] = count_checks(session, MONITOR.kinds)
    limits = plan.limits.model_dump()
    return success(
        {
            "period": {"start": iso_seconds(month_ms), "end": iso_seconds(next_month(month_ms) - 1_000)},
            "plan": plan.id,
            "usage": {name: {"used": used.get(name, 0), "limit": limit} for name, limit in limits.items()},
        }
    )


def _plans() -> Response:
    plans = services().settings.plans
    return success([_shape(plan, plans.of(caller().organization_id)) for plan in plans.plans])


def _shape(plan: Plan, current: Plan) -> dict[str, Any]:
    return {**plan.model_dump(), "current": plan == current}

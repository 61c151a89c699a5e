"""What a plan does not allow: 402, with how many there may be."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from api.errors import PlanLimit
from api.services import services
from store.checks import count_checks
from store.organizations import hold_organization


def refuse_one_more(session: Session, organization_id: str, limit: str, kinds: Collection[str]) -> None:
    """PlanLimit when the organization has as many checks of these kinds as its plan's `limit` allows. Of two requests
    that would both make the last one, the second waits for the first."""
    plan = services().settings.plans.of(organization_id)
    most: int | None = getattr(plan.limits, limit)
    if most is None:
        return
    hold_organization(session, organization_id)
    if count_checks(session, kinds) >= most:
        raise PlanLimit(
            f"The plan {plan.name} allows {most} {limit}, and there are as many: delete one, or ask whoever runs this "
            "Tracer for a larger plan"
        )

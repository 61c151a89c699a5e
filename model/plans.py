"""Plans: how much an organization may use, from the operator's file (TRACER_PLANS); without one, as it likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.fields import Name

Limit = Annotated[int | None, Field(ge=0, description="Null: unlimited")]


class Limits(BaseModel):
    """`monitors`: how many there may be at once; `browser_runs`, `api_runs`: runs in a calendar month (UTC)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    monitors: Limit = None
    browser_runs: Limit = None
    api_runs: Limit = None


class Plan(BaseModel):
    """A set of limits with a name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    name: Name
    limits: Limits = Limits()


UNLIMITED = Plan(id="unlimited", name="Unlimited")


class Plans(BaseModel):
    """Every plan there is, which of them an organization has unless it is named, and those that are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    plans: Annotated[list[Plan], Field(min_length=1, max_length=100)] = [UNLIMITED]
    default: Annotated[str | None, Field(description="The id of a plan; absent: the first")] = None
    organizations: Annotated[Mapping[str, str], Field(description="Organization id -> plan id")] = {}

    @model_validator(mode="after")
    def _agree(self) -> Plans:
        ids = [plan.id for plan in self.plans]
        twice = next((found for found in ids if ids.count(found) > 1), None)
        if twice is not None:
            raise ValueError(f"there are two plans with the id {twice!r}")
        for place, named in (("default", self.default), *self.organizations.items()):
            if named is not None and named not in ids:
                raise ValueError(f"{place}: there is no plan {named!r}; there are {', '.join(ids)}")
        return self

    def of(self, organization_id: str) -> Plan:
        """The plan of an organization."""
        wanted = self.organizations.get(organization_id) or self.default
        return next((plan for plan in self.plans if plan.id == wanted), self.plans[0])

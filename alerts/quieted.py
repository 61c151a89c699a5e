"""What a maintenance window or a silence is about: checks, as of an alert rule, and the events of projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from alerts.rules.base import ApplyTo
from model.fields import ProjectName

MOST_PROJECTS = 1_000


class Quieted(ApplyTo):
    """Any check that one of these names, and what rules on events say of any of these projects. All of it when
    `all`."""

    projects: Annotated[
        tuple[ProjectName, ...],
        Field(
            max_length=MOST_PROJECTS,
            strict=False,
            description="By number, slug or id, answered as ids: alerts of rules on their events. No check is meant",
        ),
    ] = ()

    def covers(self, subject_id: str, tags: Sequence[str]) -> bool:
        """`subject_id`: of a check, or of a project, which has no tags."""
        return super().covers(subject_id, tags) or subject_id in self.projects

"""Checks that nobody would be told about once a plan is carried out. Pure."""

from __future__ import annotations

from alerts.rules.base import ApplyTo
from cli.as_code.plan import Plan, Step
from cli.as_code.sections import CHECKS


def untold(plan: Plan) -> list[Step]:
    """The checks, of the file or stored, that no enabled rule with a channel that works covers. A paused one has
    nothing to tell."""
    after = [step for step in (*plan.steps, *plan.left) if step.action != "delete"]
    working = {step.id for step in after if step.section.key == "channels" and _works(step)}
    covering = [
        ApplyTo.model_validate(rule["apply_to"])
        for rule in (step.after for step in after if step.section.key == "rules")
        if rule is not None and rule.get("enabled", True) and working & set(rule["channels"])
    ]
    checks = [step for step in after if step.section.key in CHECKS and (step.after or {}).get("status") != "paused"]
    return [check for check in checks if not any(rule.covers(check.id, _tags(check)) for rule in covering)]


def _works(channel: Step) -> bool:
    """A channel that was disabled works again when it is sent elsewhere."""
    return channel.action == "change" or (channel.after or {}).get("status") != "disabled"


def _tags(check: Step) -> list[str]:
    return (check.after or {}).get("tags") or []

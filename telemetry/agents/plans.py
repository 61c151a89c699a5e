"""What to do about an incident where nobody proposes more: what its label is known for, and where it was met."""

from __future__ import annotations

from telemetry.agents.detectors.registry import PLANS
from telemetry.agents.failures import UNLABELLED


def plan_for(label: str, title: str) -> list[str]:
    """The plan of the detector of this label, after what its failures have in common."""
    return [f"Look at what its failures have in common: {title}.", *PLANS.get(label, PLANS[UNLABELLED])]

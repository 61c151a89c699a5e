"""A certificate that will soon be refused by browsers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from alerts.rules.base import Covered, Memory, RuleDefinition, Vote
from model.points import Point


class CertificateExpiry(RuleDefinition):
    """A location sees a certificate with fewer than `threshold` days left. Runs that saw none say nothing."""

    state_word: ClassVar[str] = "about to lose its certificate"
    state_mark = "degraded"

    type: Literal["certificate_expiry"]
    threshold: Annotated[float, Field(gt=0, le=3_650, description="days left")] = 14

    def memory(self) -> Memory:
        return Memory(runs=self.recovery_threshold)

    def vote(self, history: Sequence[Point], *, interval_ms: int | None, was_down: bool) -> Vote:  # noqa: ARG002
        days = history[-1].certificate_days
        if days is None:
            return Vote.DOWN if was_down else Vote.UNDECIDED
        return Vote.DOWN if days < self.threshold else Vote.UP

    def good(self, point: Point) -> bool:
        return point.certificate_days is not None and point.certificate_days >= self.threshold

    def concerns(self, point: Point) -> bool:
        return point.certificate_days is not None and point.certificate_days < self.threshold

    def finding(self, history: Sequence[Point]) -> str:
        days = history[-1].certificate_days
        if days is None or days < 0:
            return "the certificate has expired"
        return f"the certificate expires in {days:.1f} days (fewer than {self.threshold:g})"

    def pointless_for(self, checks: Sequence[Covered]) -> str | None:
        if any(_names_tls(check) for check in checks):
            return None
        return "no check it applies to asks for https or TLS: none sees a certificate, unless a redirect leads to one"


def _names_tls(check: Covered) -> bool:
    tls = check.definition.get("tls") or {}
    return str(check.definition.get("url") or "").startswith("https:") or bool(tls.get("enabled"))

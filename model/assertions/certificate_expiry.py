"""`certificate_expiry`: days until the certificate the target showed expires; below 0 it has."""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import number


class CertificateExpiry(AssertionBase):
    """Days, with their fraction. The operator, left out, is `greater_than`. Without TLS there is none and it fails."""

    type: Literal["certificate_expiry"]
    operator: Literal[
        "equals", "not_equals", "less_than", "less_or_equal", "greater_than", "greater_or_equal", "in", "not_in",
    ] = "greater_than"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> float | int:
        return number(value)

    def read(self, answer: Answer) -> float:
        return round(present(answer.certificate_days, "no certificate was shown: the connection was not encrypted"), 2)

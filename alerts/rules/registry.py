"""Every type of alert rule: one line each."""

from __future__ import annotations

from alerts.rules.base import RuleDefinition
from alerts.rules.certificate_expiry import CertificateExpiry
from alerts.rules.consecutive_failures import ConsecutiveFailures
from alerts.rules.failure_rate import FailureRate
from alerts.rules.no_data import NoData
from alerts.rules.response_time import ResponseTime

RULES: dict[str, type[RuleDefinition]] = {
    "consecutive_failures": ConsecutiveFailures,
    "failure_rate": FailureRate,
    "response_time": ResponseTime,
    "certificate_expiry": CertificateExpiry,
    "no_data": NoData,
}

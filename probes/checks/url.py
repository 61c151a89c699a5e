"""`url`: a page or endpoint that answers. With no status assertion, any status under 400 passes."""

from __future__ import annotations

from typing import Literal

from model.outcome import AssertionResult, Outcome
from probes.context import RunContext
from probes.http.attempt import attempt
from probes.http.definition import HttpCheck

_UNDER_400 = AssertionResult("status_code", "less_than", 400, None, False)


class UrlCheck(HttpCheck):
    """A check of type `url`."""

    type: Literal["url"]


async def run(check: UrlCheck, context: RunContext) -> Outcome:
    """One attempt."""
    asserted = any(assertion.type == "status_code" for assertion in check.assertions)
    return await attempt(check, context, None if asserted else _UNDER_400)

"""`api`: an endpoint that answers with data. It asks for JSON, and with no status assertion only 2xx passes."""

from __future__ import annotations

from typing import ClassVar, Literal

from model.assertions.status_code import SUCCESSFUL
from model.outcome import AssertionResult, Outcome
from probes.context import RunContext
from probes.http.attempt import attempt
from probes.http.definition import HttpCheck

_2XX = AssertionResult("status_code", "matches", SUCCESSFUL, None, False)


class ApiCheck(HttpCheck):
    """A check of type `api`."""

    default_headers: ClassVar[dict[str, str]] = {"Accept": "application/json"}

    type: Literal["api"]


async def run(check: ApiCheck, context: RunContext) -> Outcome:
    """One attempt."""
    asserted = any(assertion.type == "status_code" for assertion in check.assertions)
    return await attempt(check, context, None if asserted else _2XX)

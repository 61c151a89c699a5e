"""Every check type there is: a new one is its file in probes/checks/ and one line here.

The API takes its schemas and the command line its choices from here; a probe runs what has a runner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from journeys.definition import JourneyCheck
from model.definition import CheckDefinition
from model.errors import ErrorCode
from model.fields import STORED
from model.heartbeat import HeartbeatCheck
from model.outcome import Outcome, RunError
from probes.checks import api, dns, journey, tcp, url
from probes.context import RunContext

_OUT_OF_TIME = (ErrorCode.TIMEOUT, ErrorCode.CONNECT_TIMEOUT)
"""Ends that leave people asking how long was waited."""

Runner = Callable[[Any, RunContext], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class CheckType:
    """`run(definition, context)` makes one attempt and ends by the context's deadline, whatever the target does; None
    for a type that waits to be called."""

    definition: type[CheckDefinition]
    run: Runner | None


CHECK_TYPES: Mapping[str, CheckType] = {
    "url": CheckType(url.UrlCheck, url.run),
    "api": CheckType(api.ApiCheck, api.run),
    "tcp": CheckType(tcp.TcpCheck, tcp.run),
    "dns": CheckType(dns.DnsCheck, dns.run),
    "heartbeat": CheckType(HeartbeatCheck, None),
    "journey": CheckType(JourneyCheck, journey.run),
}

MONITORS: Mapping[str, type[CheckDefinition]] = {
    name: kind.definition for name, kind in CHECK_TYPES.items() if kind.definition.kind != "browser"
}
"""What `/v1/monitors` takes, by `type`."""


class UnknownTypeError(LookupError):
    """No check type of that name: this program is older than the definition."""


def parse(definition: Mapping[str, Any] | bytes, *, from_newer: bool = False) -> CheckDefinition:
    """A definition's JSON, or its plain values, as the frozen definition of its type. `from_newer`: it was judged by
    an API that may be newer than this program, so fields unknown here are passed over.

    Raises UnknownTypeError, or ValueError (pydantic's ValidationError, msgspec's DecodeError)."""
    plain = _decoded(definition) if isinstance(definition, bytes) else definition
    kind = plain.get("type")
    known = CHECK_TYPES.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise UnknownTypeError(f"there is no check type {kind!r}")
    if from_newer:
        return known.definition.model_validate(plain, extra="ignore", context=STORED)
    return known.definition.model_validate(plain)


def _decoded(definition: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(definition, type=dict[str, Any])
    except RecursionError:
        raise ValueError("the definition is nested too deeply") from None


async def run(check: CheckDefinition, context: RunContext) -> Outcome:
    """One attempt of any check. Raises UnknownTypeError for a type that is not run by probes."""
    known = CHECK_TYPES.get(check.type)
    if known is None or known.run is None:
        raise UnknownTypeError(f"checks of type {check.type!r} are not run by a probe")
    outcome = await known.run(check, context)
    error = outcome.error
    if error is not None and error.code in _OUT_OF_TIME:
        told = RunError(error.code, f"{error.message} (timeout: {check.timeout:g} s)")
        return msgspec.structs.replace(outcome, error=told)
    return outcome

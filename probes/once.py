"""One ad-hoc run of a check from this machine, with no server, schedule or retry: `tracer check`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from egress.door import Egress
from model.addresses import AddressPolicy, networks_of
from model.definition import CheckDefinition
from model.ids import run_id_by_hand
from model.outcome import Outcome
from probes.context import RunContext
from probes.http.engine import HttpEngine
from probes.registry import run


async def run_once(
    definition: CheckDefinition, *, allow_nets: Iterable[str] = (), ca_file: str | None = None
) -> Outcome:
    """One attempt within the definition's timeout. `allow_nets`: networks beyond the public ones that may be reached;
    `ca_file`: PEM bundle of authorities. Raises ValueError for a text that is no network, UnknownTypeError."""
    egress = Egress(AddressPolicy(networks_of(allow_nets)))
    engine = HttpEngine(ca_file)
    try:
        deadline = asyncio.get_running_loop().time() + definition.timeout
        return await run(definition, RunContext(deadline, egress, engine, run_id_by_hand()))
    finally:
        engine.close()

"""The check types of the registry, behind the one face that the worker knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from egress.door import Egress
from egress.resolver import Resolver
from journeys.pool import BrowserPool
from model.addresses import AddressPolicy, networks_of
from model.definition import CheckDefinition
from model.outcome import Outcome
from probes import registry
from probes.context import RunContext
from probes.held import HeldRun
from probes.http.engine import HttpEngine


class BadNetworkError(ValueError):
    """TRACER_ALLOW_NETS names something that is no network; the text is for people."""


class RegistryEngine:
    """Every check type that probes run, with one way out for all of them."""

    def __init__(self, egress: Egress, http: HttpEngine, browsers: BrowserPool | None = None) -> None:
        self.types = tuple(
            name
            for name, kind in registry.CHECK_TYPES.items()
            if kind.run is not None and (kind.definition.kind != "browser" or browsers is not None)
        )
        self.browser_slots = 0 if browsers is None else browsers.slots
        self._egress = egress
        self._http = http
        self._browsers = browsers

    def parse(self, raw: bytes) -> CheckDefinition:
        return registry.parse(raw, from_newer=True)

    def run(self, check: CheckDefinition, run: HeldRun, deadline: float) -> Coroutine[Any, Any, Outcome]:
        context = RunContext(deadline, self._egress, self._http, run.run_id, self._browsers, run.overrides, run.on_step)
        return registry.run(check, context)


def address_policy(allow_nets: Iterable[str]) -> AddressPolicy:
    """What this process may reach. Raises BadNetworkError."""
    try:
        return AddressPolicy(networks_of(allow_nets))
    except ValueError as error:
        raise BadNetworkError(f"TRACER_ALLOW_NETS: {error}") from None


@asynccontextmanager
async def open_engine(
    policy: AddressPolicy, resolver: Resolver, open_browsers: Callable[[], BrowserPool | None] = lambda: None
) -> AsyncIterator[RegistryEngine]:
    """The engine of this process and loop, closed at the end, its browsers too. `open_browsers` is called once this
    process has its folder for itself."""
    http = HttpEngine()
    browsers = open_browsers()
    try:
        await http.warm()
        yield RegistryEngine(Egress(policy, resolver), http, browsers)
    finally:
        http.close()
        if browsers is not None:
            await browsers.close()

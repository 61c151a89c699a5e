"""/metrics, Prometheus text: the checks of a key's organization, and this service's own figures for whoever runs it.

Own figures go to TRACER_METRICS_TOKEN, and to a peer on the loopback interface: the socket's peer, and only if no proxy
says that it forwards for somebody else.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, request
from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.access import OWN, Scope, bearer_token, identify, needs
from api.errors import Forbidden
from api.services import Services, services
from model.outcome import RunStatus
from store.dispatches import queue_depth
from store.fresh_states import fresh_states
from store.probes import spools
from store.sessions import EVERY_ORGANIZATION
from store.shards import oldest_checkpoint_ms

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PHASES = ("dns", "connect", "tls", "ttfb", "download")
_FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
pages = Blueprint("metrics", __name__)


@pages.get("/metrics")
@needs(OWN)
def metrics() -> Response:
    """Figures for Prometheus."""
    state = services()
    collectors: list[Collector] = []
    token = bearer_token()
    operator = _is_metrics_token(token, state.settings.metrics_token)
    if token is not None and not operator:
        found = identify()
        if not found.may(Scope.READ):
            raise Forbidden("This key does not have the scope 'read'")
        collectors.append(_Checks(state, found.organization_id))
    if operator or _from_this_host():
        collectors += [_Service(state), PROCESS_COLLECTOR]
    if not collectors:
        identify()  # refuses: there is no token
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    response = Response(generate_latest(registry), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_metrics_token(token: str | None, wanted: str | None) -> bool:
    return bool(token and wanted) and hmac.compare_digest((token or "").encode(), (wanted or "").encode())


def _from_this_host() -> bool:
    if any(name in request.headers for name in _FORWARDING):
        return False
    try:
        return ipaddress.ip_address(request.environ.get("tracer.peer") or request.remote_addr or "").is_loopback
    except ValueError:
        return False


class _Checks(Collector):
    """The verdict of each check at each location, while it is fresh: what is not known has no sample."""

    def __init__(self, state: Services, organization_id: str) -> None:
        self._state = state
        self._organization_id = organization_id

    def collect(self) -> Iterable[Metric]:
        labels = ("id", "name", "type", "location")
        up = GaugeMetricFamily(
            "tracer_check_up", "1 when the last measured run passed, 0 when it failed", labels=labels
        )
        duration = GaugeMetricFamily(
            "tracer_check_duration_seconds", "Phases of the last measured run", labels=(*labels, "phase")
        )
        with self._state.database.read(self._organization_id) as session:
            for check, state in fresh_states(session, self._state.database.now_ms(session)):
                names = [check.id, check.name, check.type, state.location]
                up.add_metric(names, 0.0 if state.status == RunStatus.FAILED else 1.0)
                for phase in PHASES:
                    milliseconds = (state.metrics or {}).get(f"{phase}_ms")
                    if milliseconds is not None:
                        duration.add_metric([*names, phase], milliseconds / 1000)
                if state.duration_ms is not None:
                    duration.add_metric([*names, "total"], state.duration_ms / 1000)
        return [up, duration]


class _Service(Collector):
    """How Tracer itself is doing, over all organizations."""

    def __init__(self, state: Services) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        with self._state.database.read(EVERY_ORGANIZATION) as session:
            now_ms = self._state.database.now_ms(session)
            checkpoint_ms = oldest_checkpoint_ms(session)
            waiting, kept = queue_depth(session), spools(session, now_ms)
        if checkpoint_ms is not None:
            lateness = max(0, now_ms - checkpoint_ms) / 1000
            yield GaugeMetricFamily(
                "tracer_scheduler_lateness_seconds", "How far the oldest shard is behind the clock", value=lateness
            )
        depth = GaugeMetricFamily("tracer_queue_depth", "Runs waiting for a probe", labels=("location", "kind"))
        for (location, kind), runs in sorted(waiting.items()):
            depth.add_metric([location, kind], runs)
        yield depth
        spool = GaugeMetricFamily(
            "tracer_probe_spool_results", "Results a probe keeps until they are acknowledged", labels=("probe",)
        )
        for probe_id, results in sorted(kept.items()):
            spool.add_metric([probe_id], results)
        yield spool
        for name, value in sorted((self._state.scheduler_figures or dict)().items()):
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"tracer_scheduler_{name}", "Of the scheduler in this process", value=value)

"""POST /v1/otlp/v1/traces: what OpenTelemetry's exporters send, answered as OTLP/HTTP says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from flask import Response, request

from alerts.rules.base import counted
from api.access import OWN
from api.dialects import PROTOBUF
from api.envelope import JSON, json_response
from api.errors import Malformed, UnsupportedMedia
from api.reporting import REPORTERS_REFUSALS, now_ms, quota_spent, reporter, sdk_body
from api.routes import Routes
from api.schemas.bare import RpcStatus
from api.schemas.reporting import OtlpBody, OtlpTaken
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.spans import is_root, read_agent_span
from telemetry.agents.stored.spans import Arrived, concerns_agents, tell_spans
from telemetry.events import DroppedError, Event, read_event
from telemetry.sdk_json import BadBodyError, decode
from telemetry.spans import Span, read_span
from telemetry.stored.storing import EVENTS, QUOTA, TRACES, Submission

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Lost = dict[str, Counter[str]]
"""What was not stored, spans and the exceptions in them: how often for which reason."""
routes = Routes("OpenTelemetry", "Traces over OTLP/HTTP: protobuf or JSON, plain or gzip.", RpcStatus)
_ERRORS = (400, 401, 403, 413, 415, 429)
_MEANS = {**REPORTERS_REFUSALS, 415: f"The body is declared neither as {PROTOBUF} nor as {JSON}"}


@routes.post("/v1/otlp/v1/traces", needs=OWN, answers=OtlpTaken, accepts=OtlpBody, errors=_ERRORS, means=_MEANS)
def take_otlp_traces() -> Response:
    """Send traces over OTLP. 200 means that they are on disk.

    `OTEL_EXPORTER_OTLP_ENDPOINT=…/v1/otlp`, and `OTEL_EXPORTER_OTLP_HEADERS=x-open-sentry-key=PUBLIC_KEY`. The body
    is `application/x-protobuf` or `application/json`, anything else is 415; at most 5 MiB, also once inflated
    (`Content-Encoding: gzip`), a larger one is 413. Each span is judged by itself: `partialSuccess` says how many were
    not stored (`rejectedSpans`) and why (`errorMessage`), and is left out when all were. An
    exception that a span recorded becomes an event, in the release that the resource's `service.version` names. Spans
    of agents (`gen_ai.*`) are told as runs too: `/api/sessions`.
    """
    return _taken()


@routes.post("/v1/otlp/traces", needs=OWN, answers=OtlpTaken, accepts=OtlpBody, errors=_ERRORS, means=_MEANS)
def take_otlp_traces_by_alias() -> Response:
    """Send traces over OTLP, by the address that seed 000 gives.

    The same as `/v1/otlp/v1/traces`: `application/x-protobuf` or `application/json`, at most 5 MiB.
    """
    return _taken()


def _taken() -> Response:
    from telemetry.otlp import read_request  # protobuf takes a while to load, and most starts need none of it

    who, sent = reporter(), _request()
    state, received_ms = services(), now_ms()
    map_frames = state.source_maps.mapper(who.number)
    submission = Submission(who.number, quota=who.quota)
    events: list[Event] = []
    spans: list[Span] = []
    lost: Lost = {"span": Counter(), "exception": Counter()}
    arrived = Arrived(who.organization_id, who.number, [], {})
    for span, exceptions in read_request(sent):
        try:
            spans.append(read_span(span, who.number, received_ms))
            _add(arrived, span)
        except DroppedError as error:
            lost["span"][error.reason] += 1
            submission.dropped[TRACES, error.reason.partition(":")[0]] += 1
        for exception in exceptions:
            try:
                events.append(read_event(exception, who.number, received_ms, map_frames=map_frames))
            except DroppedError as error:
                lost["exception"][error.reason] += 1
                submission.dropped[EVENTS, error.reason.partition(":")[0]] += 1
    submission.events, submission.spans = events, spans
    outcome = state.intake.keep(submission)
    if outcome.spent:
        raise quota_spent(received_ms)
    for key in outcome.over:
        lost["exception" if len(key) == 1 else "span"][QUOTA] += 1
    _tell(arrived, outcome.over)
    return _answer(lost)


def _add(arrived: Arrived, span: dict[str, Any]) -> None:
    of_agent = read_agent_span(span)
    if of_agent is not None:
        arrived.spans.append(of_agent)
    if is_root(span):
        arrived.roots[span["trace_id"]] = span


def _tell(arrived: Arrived, over: set[tuple[str, ...]]) -> None:
    """What of it is of agents, once it is on disk as spans: sent again after a crash in between, it is told then."""
    arrived.spans = [span for span in arrived.spans if (span.trace_id, span.span_id) not in over]
    arrived.roots = {name: root for name, root in arrived.roots.items() if (name, root["span_id"]) not in over}
    store = services().database.telemetry
    if not arrived.spans:
        if not arrived.roots:
            return
        with store.read(EVERY_ORGANIZATION) as session:
            if not concerns_agents(session, arrived):
                return
    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        tell_spans(session, arrived, store.now_ms(session))


def _request() -> ExportTraceServiceRequest:
    from telemetry.otlp import from_json, from_protobuf

    if request.mimetype not in (PROTOBUF, JSON):
        raise UnsupportedMedia(f"Send {PROTOBUF} or {JSON}")
    body = sdk_body()
    try:
        return from_protobuf(body) if request.mimetype == PROTOBUF else from_json(decode(body))
    except BadBodyError as error:
        raise Malformed(str(error)) from None


def _answer(lost: Lost) -> Response:
    """`partial_success` stands there when something was not stored, and only then. Exceptions are no spans: of those
    alone it is a warning, with which OTLP lets 0 spans be rejected."""
    rejected, why = lost["span"].total(), "; ".join(_said(noun, reasons) for noun, reasons in lost.items() if reasons)
    if request.mimetype == JSON:
        return json_response({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}} if why else {})
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    answer = ExportTraceServiceResponse()
    if why:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = why
    return Response(answer.SerializeToString(), content_type=PROTOBUF)


def _said(noun: str, reasons: Counter[str]) -> str:
    """`3 spans not stored: 2 too_old, 1 quota`."""
    return f"{counted(reasons.total(), noun)} not stored: {', '.join(f'{n} {why}' for why, n in reasons.most_common())}"

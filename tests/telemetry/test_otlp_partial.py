"""What was not stored of a request over OTLP, said as OTLP says it, in JSON and in protobuf."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from telemetry.otlp import from_json
from tests.conftest import Clock
from tests.telemetry.reporting import Reports

LONG_AGO_MS = 1_000_000_000_000
Partial = tuple[int, str] | None


def spans(*given: tuple[str, int, bool]) -> dict[str, Any]:
    """(span id, when, whether it recorded an exception) as OTLP's JSON."""
    sent = []
    for span_id, at_ms, failed in given:
        at = f"{at_ms}000000"
        told = [{"key": "exception.type", "value": {"stringValue": f"Error{span_id}"}}]
        exception = {"name": "exception", "timeUnixNano": at, "attributes": told}
        sent.append(
            {
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": span_id, "name": "s", "startTimeUnixNano": at,
                "endTimeUnixNano": at, "events": [exception] if failed else [],
            }
        )  # fmt: skip
    return {"resourceSpans": [{"scopeSpans": [{"spans": sent}]}]}


def in_json(reports: Reports, sent: dict[str, Any]) -> Partial:
    answer = reports.post("/v1/otlp/v1/traces", data=json.dumps(sent), content_type="application/json")
    assert answer.status_code == 200
    body = answer.get_json()
    if body == {}:
        return None
    told = body["partialSuccess"]
    assert isinstance(told["rejectedSpans"], str), "as protobuf's JSON has an int64"
    return int(told["rejectedSpans"]), told["errorMessage"]


def in_protobuf(reports: Reports, sent: dict[str, Any]) -> Partial:
    kind = "application/x-protobuf"
    body = from_json(sent).SerializeToString()
    answer = reports.post("/v1/otlp/v1/traces", data=body, content_type=kind)
    assert (answer.status_code, answer.content_type) == (200, kind)
    read = ExportTraceServiceResponse.FromString(answer.get_data())
    told = read.partial_success
    return (told.rejected_spans, told.error_message) if read.HasField("partial_success") else None


def test_of_what_is_stored_as_a_whole_nothing_is_said(reports: Reports, clock: Clock) -> None:
    sent = spans(("00000000000000a1", clock.now_ms, True))
    assert (in_json(reports, sent), in_protobuf(reports, sent)) == (None, None)
    assert (in_json(reports, {}), in_protobuf(reports, {})) == (None, None)


def test_spans_that_can_not_be_stored_are_counted_with_the_reasons(reports: Reports, clock: Clock) -> None:
    sent = spans(("00000000000000a1", clock.now_ms, False), ("00000000000000a2", LONG_AGO_MS, False), ("", 1, False))
    sent["resourceSpans"][0]["scopeSpans"][0]["spans"][2]["startTimeUnixNano"] = f"{clock.now_ms}000000"
    said = (2, "2 spans not stored: 1 too_old, 1 invalid: span_id")
    assert (in_json(reports, sent), in_protobuf(reports, sent)) == (said, said)
    trace = reports.owner("GET", "/v1/traces/5b8efff798038103d269b633813fc60c").get_json()
    assert [span["span_id"] for span in trace["spans"]] == ["00000000000000a1"]


def test_spans_past_the_quota_are_counted_with_the_others(reports: Reports, clock: Clock) -> None:
    reports.put("/v1/projects/truecom", {"quota": {"events": None, "traces": 1}})
    sent = spans(
        ("00000000000000a1", clock.now_ms, False), ("00000000000000a2", clock.now_ms, False),
        ("00000000000000a3", LONG_AGO_MS, False),
    )  # fmt: skip
    assert in_json(reports, sent) == (2, "2 spans not stored: 1 too_old, 1 quota")
    reports.put("/v1/projects/truecom", {"quota": {"events": None, "traces": 2}})
    sent = spans(("00000000000000a4", clock.now_ms, False), ("00000000000000a5", clock.now_ms, False))
    assert in_protobuf(reports, sent) == (1, "1 span not stored: 1 quota")


def test_exceptions_that_made_no_events_are_a_warning_with_no_span_rejected(reports: Reports, clock: Clock) -> None:
    reports.put("/v1/projects/truecom", {"quota": {"events": 1, "traces": None}})
    sent = spans(("00000000000000a1", clock.now_ms, True), ("00000000000000a2", clock.now_ms, True))
    assert in_json(reports, sent) == (0, "1 exception not stored: 1 quota")
    sent = spans(("00000000000000a3", clock.now_ms, True))
    assert in_protobuf(reports, sent) == (0, "1 exception not stored: 1 quota")
    assert len(reports.found()) == 1
    sent = spans(("00000000000000a4", LONG_AGO_MS, True))
    said = (1, "1 span not stored: 1 too_old; 1 exception not stored: 1 too_old")
    assert (in_json(reports, sent), in_protobuf(reports, sent)) == (said, said)

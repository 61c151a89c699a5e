"""Spans of agents that come over OTLP are runs: one a trace or a conversation, each span once, the end by the root."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from telemetry.agents.facts import read_fact
from telemetry.agents.spans import end_of, read_agent_span
from telemetry.payloads import unpack
from tests.api.client import Client
from tests.conftest import Clock
from tests.telemetry.agents.running import replayed
from tests.telemetry.reporting import Reports, make_project

NOW_MS = 1_780_142_400_000
TRACE = "5b8efff798038103d269b633813fc60c"
ROOT = "00000000000000ff"
QUESTION = {"role": "user", "parts": [{"type": "text", "content": "Book me a room"}]}


@pytest.fixture
def reports(owner: Client, clock: Clock) -> Reports:
    clock.now_ms = NOW_MS + 60_000
    return make_project(owner)


class Sending:
    """Spans as OTLP's JSON has them, one after the other in time."""

    def __init__(self, reports: Reports) -> None:
        self.reports = reports
        self.numbers = itertools.count(1)

    def span(
        self, name: str, parent: str = ROOT, trace_id: str = TRACE, error: str = "", at: tuple[int, int] | None = None,
        **attributes: Any,
    ) -> dict[str, Any]:  # fmt: skip
        number = next(self.numbers)
        began, ended = at or (NOW_MS + 10 * number, NOW_MS + 10 * number + 5)
        told = [{"key": key.replace("__", "."), "value": _value(value)} for key, value in attributes.items()]
        return {
            "traceId": trace_id, "spanId": f"{number:016x}" if parent else ROOT, "parentSpanId": parent, "name": name,
            "startTimeUnixNano": f"{began}000000", "endTimeUnixNano": f"{ended}000000", "attributes": told,
            "status": {"code": 2, "message": error} if error else {},
        }  # fmt: skip

    def chat(self, **given: Any) -> dict[str, Any]:
        return self.span("chat m", gen_ai__operation__name="chat", gen_ai__request__model="m", **given)

    def tool(self, name: str = "search", **given: Any) -> dict[str, Any]:
        more = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": name, **given}
        return self.span(f"execute_tool {name}", **more)

    def agent(self, name: str = "booker", parent: str = "", **given: Any) -> dict[str, Any]:
        """With no parent: the span that its trace begins with."""
        more = {"gen_ai__operation__name": "invoke_agent", "gen_ai__agent__name": name, **given}
        return self.span(f"invoke_agent {name}", parent, **more)

    def send(self, *spans: dict[str, Any]) -> None:
        about = [{"key": "service.name", "value": {"stringValue": "desk"}}]
        body = {"resourceSpans": [{"resource": {"attributes": about}, "scopeSpans": [{"spans": list(spans)}]}]}
        answer = self.reports.post("/v1/otlp/v1/traces", body)
        assert (answer.status_code, answer.get_json()) == (200, {})

    def sessions(self) -> list[dict[str, Any]]:
        """Each with its metadata."""
        listed = self.reports.owner("GET", "/api/sessions").get_json()["sessions"]
        found: list[dict[str, Any]] = []
        for each in listed:
            found += self.reports.owner("GET", f"/api/sessions?session_id={each['id']}").get_json()["sessions"]
        return found

    def events(self, place: int = 0) -> list[tuple[str, Any]]:
        """Types and what they are about, of the run that is listed there."""
        found = replayed(self.reports.owner, self.sessions()[place]["id"])
        assert [each["seq"] for each in found] == list(range(1, len(found) + 1))
        return [(each["type"], each["payload"].get("tool") or each["payload"].get("content")) for each in found]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool | int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": value}


@pytest.fixture
def sending(reports: Reports) -> Sending:
    return Sending(reports)


def test_a_trace_is_a_run_that_its_root_names_and_ends(sending: Sending) -> None:
    answer = {"role": "assistant", "parts": [{"type": "text", "content": "Room 7 is yours"}], "finish_reason": "stop"}
    first = sending.chat(
        gen_ai__usage__input_tokens=120, gen_ai__usage__output_tokens=9, gen_ai__provider__name="p",
        gen_ai__response__finish_reasons=["tool_calls"], gen_ai__usage__cost_usd=0.25,
        gen_ai__input__messages=json.dumps([QUESTION]),
    )  # fmt: skip
    found = sending.tool(
        gen_ai__tool__call__id="c1", gen_ai__tool__call__arguments='{"day": "Monday"}',
        gen_ai__tool__call__result='{"rooms": [7]}',
    )  # fmt: skip
    second = sending.chat(gen_ai__input__messages=json.dumps([QUESTION]), gen_ai__output__messages=json.dumps([answer]))
    sending.send(first, found, second, sending.agent(at=(NOW_MS, NOW_MS + 100)))
    [run] = sending.sessions()
    assert run["id"] == f"otel_{sending.reports.project['id']}_{TRACE}"
    assert (run["agent"], run["name"], run["status"]) == ("booker", "invoke_agent booker", "completed")
    assert run["project_id"] == sending.reports.project["project_id"]
    assert run["metadata"] == {"source": "opentelemetry", "trace_id": TRACE, "service": "desk"}
    assert sending.events() == [
        ("message", "Book me a room"), ("llm_call", None), ("tool_call", "search"), ("tool_result", "search"),
        ("llm_call", None), ("message", "Room 7 is yours"), ("end", None),
    ]  # fmt: skip
    told = [each["payload"] for each in replayed(sending.reports.owner, run["id"])]
    whose = {"trace_id": TRACE, "span_id": first["spanId"], "parent_span_id": ROOT}
    assert told[1] == {
        "model": "m", "provider": "p", "operation": "chat", "finish_reason": "tool_calls", "input_tokens": 120,
        "output_tokens": 9, "cost_usd": 0.25, "duration_ms": 5.0, **whose,
    }  # fmt: skip
    assert (told[2]["arguments"], told[2]["tool_call_id"]) == ({"day": "Monday"}, "c1")
    assert (told[3]["result"], told[3]["status"]) == ({"rooms": [7]}, "ok")
    assert sending.reports.owner("GET", f"/v1/traces/{TRACE}").get_json()["spans"][0]["name"] == "invoke_agent booker"


def test_sent_again_it_is_told_once(sending: Sending) -> None:
    spans = [sending.chat(), sending.tool(), sending.agent()]
    for _ in range(2):
        sending.send(*spans)
    sending.send(spans[1], spans[0])
    assert [kind for kind, _ in sending.events()] == ["llm_call", "tool_call", "tool_result", "end"]


def test_a_tool_that_failed_is_told_so(sending: Sending) -> None:
    sending.send(sending.tool(error="503 from upstream"), sending.tool("pay", error__type="TimeoutError"))
    found = replayed(sending.reports.owner, sending.sessions()[0]["id"])
    results = [each["payload"] for each in found if each["type"] == "tool_result"]
    assert [(each["status"], each["error"]) for each in results] == [
        ("error", "503 from upstream"), ("error", "TimeoutError"),
    ]  # fmt: skip


def test_request_by_request_it_is_in_the_order_of_arrival_and_may_be_late(sending: Sending) -> None:
    late, chat, tool, root = sending.tool("late"), sending.chat(), sending.tool("quick"), sending.agent()
    for span in (tool, chat, root, late):
        sending.send(span)
    assert sending.events() == [
        ("tool_call", "quick"), ("tool_result", "quick"), ("llm_call", None), ("end", None), ("tool_call", "late"),
        ("tool_result", "late"),
    ]  # fmt: skip
    assert sending.sessions()[0]["status"] == "completed"
    times = [each["timestamp"] for each in replayed(sending.reports.owner, sending.sessions()[0]["id"])]
    assert times[4] == min(times), "when it happened stands in it"


def test_in_one_request_it_is_in_the_order_in_which_things_happened(sending: Sending) -> None:
    outer = sending.tool("ask_expert", at=(NOW_MS, NOW_MS + 90))
    inner = [sending.chat(at=(NOW_MS + 10, NOW_MS + 20)), sending.tool("read", at=(NOW_MS + 30, NOW_MS + 40))]
    sending.send(*inner, outer, sending.agent(at=(NOW_MS - 5, NOW_MS + 95)))
    assert sending.events() == [
        ("tool_call", "ask_expert"), ("llm_call", None), ("tool_call", "read"), ("tool_result", "read"),
        ("tool_result", "ask_expert"), ("end", None),
    ]  # fmt: skip


@pytest.mark.parametrize("first", [True, False])
def test_a_root_that_is_no_agents_ends_it_first_or_last(sending: Sending, first: bool) -> None:
    request = sending.span("POST /ask", "", error="500")  # by a clock that is late
    for spans in [[request], [sending.chat(), sending.agent(parent=ROOT)]][:: 1 if first else -1]:
        sending.send(*spans)
    assert [kind for kind, _ in sending.events()] == ["llm_call", "log", "end"]
    [run] = sending.sessions()
    assert (run["agent"], run["status"]) == ("booker", "failed")


def test_agents_that_an_agent_asks_do_not_end_its_run_or_name_it(sending: Sending) -> None:
    inner = sending.agent("expert", parent="00000000000000aa")
    sending.send(inner)
    assert (sending.sessions()[0]["agent"], sending.sessions()[0]["status"]) == ("expert", "running")
    sending.send(sending.agent("booker"))
    assert (sending.sessions()[0]["agent"], sending.sessions()[0]["status"]) == ("booker", "completed")
    sending.send(sending.agent("late", parent="00000000000000aa"))
    assert sending.sessions()[0]["agent"] == "booker"


def test_a_conversation_is_one_run_over_its_traces(sending: Sending) -> None:
    other = TRACE[::-1]
    sending.send(sending.tool(), sending.chat(gen_ai__conversation__id="conv/1 ü"), sending.agent())
    sending.send(sending.chat(trace_id=other, gen_ai__conversation__id="conv/1 ü"))
    sending.send(sending.tool("later", trace_id=other))
    [run] = sending.sessions()
    assert run["metadata"]["conversation_id"] == "conv/1 ü"
    assert [kind for kind, _ in sending.events()] == [
        "tool_call", "tool_result", "llm_call", "end", "llm_call", "tool_call", "tool_result",
    ]  # fmt: skip


def test_a_turn_that_failed_stays_so_when_the_next_goes_well(sending: Sending) -> None:
    def analysed() -> dict[str, Any]:
        found: dict[str, Any] = sending.reports.owner(
            "POST", f"/api/traces/{sending.sessions()[0]['id']}/analyze"
        ).get_json()
        return found

    named = {"gen_ai__conversation__id": "talk"}
    sending.send(sending.chat(**named), sending.tool("pay", error="card declined"), sending.agent(error="declined"))
    before = analysed()
    assert [each["label"] for each in before["detectors"]] == ["unhandled_error"]
    later = TRACE[::-1]
    sending.send(sending.chat(trace_id=later, **named), sending.agent(trace_id=later))
    after = analysed()
    assert sending.sessions()[0]["status"] == "failed"
    assert (after["detectors"], after["incident_id"]) == (before["detectors"], before["incident_id"])
    assert sending.reports.owner("GET", f"/api/incidents/{after['incident_id']}").status_code == 200


def asked_for(call_id: str, **arguments: Any) -> dict[str, Any]:
    called = {"type": "tool_call", "id": call_id, "name": "search", "arguments": arguments}
    return {"role": "assistant", "parts": [called], "finish_reason": "tool_call"}


def answered(call_id: str, result: Any) -> dict[str, Any]:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}


def chats(sending: Sending, times: int) -> list[dict[str, Any]]:
    """A model that asks for the same again and again, and is told all that was said before, as the conventions say."""
    said: list[dict[str, Any]] = [QUESTION]
    spans = []
    for number in range(times):
        call = asked_for(f"call_{number}", day="Monday")
        spans.append(
            sending.chat(
                gen_ai__input__messages=json.dumps(said), gen_ai__output__messages=json.dumps([call]), at=(
                    NOW_MS + 100 * number, NOW_MS + 100 * number + 10)
            )
        )  # fmt: skip
        said = [*said, call, answered(f"call_{number}", "no rooms")]
    return spans


@pytest.mark.parametrize("at_once", [True, False])
def test_tools_that_stand_in_captured_messages_are_told_once_each(sending: Sending, at_once: bool) -> None:
    spans = chats(sending, 5)
    for request in [spans] if at_once else [[span] for span in spans]:
        sending.send(*request)
    run = sending.sessions()[0]["id"]
    kinds = [each["type"] for each in replayed(sending.reports.owner, run)]
    assert (kinds.count("tool_call"), kinds.count("tool_result")) == (5, 4)
    found = sending.reports.owner("POST", f"/api/traces/{run}/analyze").get_json()
    assert [each["label"] for each in found["detectors"]][:1] == ["tool_loop"]


def test_the_span_of_a_tool_completes_what_messages_say_of_it(sending: Sending) -> None:
    first, second = chats(sending, 2)
    ran = sending.tool("search", at=(NOW_MS + 20, NOW_MS + 30), gen_ai__tool__call__id="call_0")
    sending.send(first, ran, second)
    told = [each for each in replayed(sending.reports.owner, sending.sessions()[0]["id"]) if "tool" in each["type"]]
    assert [each["type"] for each in told] == ["tool_call", "tool_result", "tool_call"]
    asked, answer, _ = (each["payload"] for each in told)
    assert (asked["tool"], asked["arguments"], "captured" in asked) == ("search", {"day": "Monday"}, False)
    assert (answer["tool"], answer["result"], answer["status"], answer["tool_call_id"]) == (
        "search", "no rooms", "ok", "call_0",
    )  # fmt: skip


def test_what_is_no_agents_is_no_run(sending: Sending) -> None:
    sending.send(sending.span("GET /"), sending.span("embed", gen_ai__operation__name="embeddings"))
    assert sending.sessions() == []


def test_spans_that_the_quota_left_out_are_not_told(sending: Sending) -> None:
    sending.reports.put("/v1/projects/truecom", {"quota": {"traces": 1}})
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [sending.chat(), sending.tool()]}]}]}
    assert "quota" in sending.reports.post("/v1/otlp/v1/traces", body).get_data(as_text=True)
    assert [kind for kind, _ in sending.events()] == ["llm_call"]


def test_the_same_trace_in_two_projects_is_a_run_in_each(sending: Sending, owner: Client) -> None:
    other = Sending(make_project(owner, slug="other"))
    sending.send(sending.chat())
    other.send(other.chat())
    found = {run["project_id"]: run["id"] for run in sending.sessions()}
    assert set(found) == {sending.reports.project["project_id"], other.reports.project["project_id"]}
    assert len(set(found.values())) == 2


def test_a_loop_is_found_where_arguments_are_recorded_and_not_made_up_where_they_are_not(sending: Sending) -> None:
    def analysed() -> dict[str, Any]:
        found: dict[str, Any] = sending.reports.owner(
            "POST", f"/api/traces/{sending.sessions()[0]['id']}/analyze"
        ).get_json()
        return found

    known = {"gen_ai__tool__call__arguments": '{"q": "x"}', "gen_ai__tool__call__result": '{"rooms": []}'}
    for _ in range(6):
        sending.send(sending.chat(), sending.tool(**known))
    sending.send(sending.agent())
    [found] = [each for each in analysed()["detectors"] if each["label"] == "tool_loop"]
    assert (found["step"], analysed()["critical_step"]) == (2, 2)
    for _ in range(6):
        sending.send(sending.chat(trace_id=TRACE[::-1]), sending.tool(trace_id=TRACE[::-1]))
    assert [each["label"] for each in analysed()["detectors"]] == []


def test_a_retry_storm_is_found_by_its_errors(sending: Sending) -> None:
    sending.send(*(sending.tool(error="HTTP 503 from upstream") for _ in range(8)), sending.agent())
    found = sending.reports.owner("POST", f"/api/traces/{sending.sessions()[0]['id']}/analyze").get_json()
    assert "retry_storm" in [each["label"] for each in found["detectors"]]


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi", "gen_ai.completion.0.content": "there"},
        {"gen_ai.input.messages": [{"role": "user", "content": "hi"}], "gen_ai.output.messages": '["there"]'},
        {"gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "hi"}, {"type": "blob"}]}]',
         "gen_ai.output.messages": '[{"role": "assistant", "content": [{"type": "text", "text": "there"}]}]'},
        {"events": [{"name": "gen_ai.user.message", "attributes": {"content": "hi"}},
                    {"name": "gen_ai.choice", "attributes": {"message": '{"role": "assistant", "content": "there"}'}}]},
        {"events": [{"name": "gen_ai.content.prompt",
                     "attributes": {"gen_ai.prompt": '[{"role": "user", "content": "hi"}]'}},
                    {"name": "gen_ai.content.completion", "attributes": {"gen_ai.completion": "there"}}]},
        {"events": [{"name": "gen_ai.client.inference.operation.details", "attributes": {
            "gen_ai.input.messages": '[{"role": "user", "content": "hi"}]', "gen_ai.output.messages": "there"}}]},
    ],
)  # fmt: skip
def test_messages_are_found_wherever_instrumentations_put_them(said: dict[str, Any]) -> None:
    given = dict(said)
    found = read_agent_span(plain_span({"gen_ai.request.model": "m"} | given, events=given.pop("events", [])))
    assert found is not None
    told = [unpack(each.kept) for each in found.events if each.type == "message"]
    assert [(each["role"], each["content"]) for each in told] == [("user", "hi"), ("assistant", "there")]


def plain_span(attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "trace_id": "t", "span_id": "s", "parent_span_id": None, "name": "n", "op": "client", "status": "unset",
        "start_timestamp": 1e9, "end_timestamp": 1e9 + 1, "attributes": attributes, **fields,
    }  # fmt: skip


names = st.sampled_from([
    "gen_ai.operation.name", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
    "gen_ai.tool.name", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.definitions",
    "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.response.finish_reasons", "gen_ai.agent.name",
    "gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.conversation.id", "error.type", "content", "message",
    "gen_ai.prompt", "gen_ai.completion", "exception.type",
])  # fmt: skip
words = st.sampled_from(
    ["chat", "execute_tool", "invoke_agent", "create_agent", "", "x", '[{"parts": 7}]', "{", "[[]]"]
)
scalars = st.none() | st.booleans() | st.integers(-5, 2**60) | st.floats(allow_nan=False) | st.text(max_size=5) | words
anything = st.recursive(
    scalars,
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "parts", "content", "type", "text", "name", "function"]), each, max_size=3
        )
    ),
    max_leaves=6,
)
spans = st.dictionaries(names, anything, max_size=5)
kinds = st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt", "exception",
                         "gen_ai.content.completion", "gen_ai.client.inference.operation.details"])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(spans, st.lists(st.tuples(kinds, spans), max_size=3), st.sampled_from(["unset", "ok", "error"]))
def test_whatever_a_span_says_it_is_read_and_its_events_too(
    attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]], status: str
) -> None:
    span = plain_span(attributes, status=status, events=[{"name": name, "attributes": told} for name, told in events])
    found = read_agent_span(span)
    for each in [end_of(span), *(found.events if found is not None else [])]:
        assert 1 <= len(each.idempotency_key) <= 200
        read_fact(1, None, each.type, each.at_ms, unpack(each.kept))


def test_what_is_larger_than_an_event_may_be_is_cut() -> None:
    found = read_agent_span(plain_span({"gen_ai.tool.name": "t", "gen_ai.tool.call.result": ["x" * 99] * 9_000}))
    assert found is not None
    told = unpack(found.events[1].kept)
    assert (told["tool"], told["result"][-1], len(told["result"])) == ("t", "…", 4_001)


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring) -> Iterator[Server]:
    with Server(app, database, keyring, Settings(port=0)) as serving:
        yield serving


def looping(tracer: Tracer) -> None:
    """An agent as an instrumented program runs it."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "booker"}
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 7}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.call.arguments": "{}"}
    with tracer.start_as_current_span("invoke_agent booker", attributes=agent):
        for _ in range(5):
            with tracer.start_as_current_span("chat m", kind=SpanKind.CLIENT, attributes=chat):
                pass
            with tracer.start_as_current_span("execute_tool search", attributes=tool) as span:
                span.set_attribute("gen_ai.tool.call.result", "[]")
        with tracer.start_as_current_span("execute_tool pay", attributes={**tool, "gen_ai.tool.name": "pay"}) as span:
            span.record_exception(TimeoutError("no answer"))
            span.set_status(Status(StatusCode.ERROR))


@pytest.mark.parametrize("batched", [True, False])
def test_opentelemetrys_sdk_records_an_agent_that_loops(
    server: Server, owner: Client, reports: Reports, clock: Clock, database: Database, batched: bool
) -> None:
    exporter = OTLPSpanExporter(f"{server.url}/v1/otlp/v1/traces", headers={"x-open-sentry-key": reports.key})
    provider = TracerProvider(resource=Resource({"service.name": "desk"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter) if batched else SimpleSpanProcessor(exporter))
    looping(provider.get_tracer("test"))
    provider.shutdown()
    [run] = owner("GET", "/api/sessions").get_json()["sessions"]
    assert (run["agent"], run["status"]) == ("booker", "completed")
    events = replayed(owner, run["id"])
    step = ["llm_call", "tool_call", "tool_result"]
    assert [each["type"] for each in events] == [*step * 5, "tool_call", "tool_result", "end"]
    assert events[-2]["payload"]["error"] == "TimeoutError: no answer"
    found = owner("POST", f"/api/traces/{run['id']}/analyze").get_json()
    [loop] = [each for each in found["detectors"] if each["label"] == "tool_loop"]
    assert loop["step"] == 2
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        assert rows(session, "SELECT count(*) FROM agent_traces")[0][0] == 1

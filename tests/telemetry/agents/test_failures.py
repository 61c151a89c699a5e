"""What a failure is known by: a function of what it says, the same for an agent, a journey and a monitor."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evidence import StepResult
from model.outcome import AssertionResult
from telemetry.agents.analysis import analyze, critical_of
from telemetry.agents.checked import CheckFacts, RunFacts, signature_of_rule, signature_of_run
from telemetry.agents.failures import Signature, cluster_of, label_of, seqs_of, signature_of, suspects_of
from telemetry.agents.met import how_it_failed, met
from telemetry.agents.recordings import recording_of
from telemetry.agents.targets import target_of
from telemetry.agents.walked import Walked, events_of_walk
from tests.telemetry.agents.recorded import Said, asks, calls, ends, events_of, facts_of, fails, goes_wrong, told

SHOP = "http://shop.example/checkout"
STEPS = [{"type": "goto", "url": "http://shop.example/"}, {"type": "click", "selector": "#buy"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([SHOP, "HTTP 500"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["url", "status", "arguments", "error", "result", "response", "code", "x"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


def known_by(*said: Said) -> Signature:
    """What the failure of an agent's run is known by."""
    recording = recording_of(facts_of(said))
    critical = critical_of(analyze(recording).detectors)
    assert critical is not None
    suspects = suspects_of(recording, critical)
    payloads = {each["seq"]: each["payload"] for each in events_of(said)}
    return signature_of(critical.label, suspects, {seq: payloads[seq] for seq in seqs_of(suspects)})


def journey(*errors: str | None, steps: list[dict[str, Any]] | None = None, code: str = "step_failed") -> Signature:
    """What a failed run of a journey is known by: each step's error, None where it went well."""
    asked = steps or STEPS
    done = [
        StepResult(index, asked[index]["type"], "success" if error is None else "failed", duration_ms=5.0, error=error)
        for index, error in enumerate(errors)
    ]
    at = next(index for index, error in enumerate(errors) if error is not None)
    subject = asked[at].get("selector") or asked[at].get("url")
    words = f"step {at + 1} {asked[at]['type']} `{subject}`: {errors[at]}"
    check = CheckFacts("jny_1", "journey", "Checkout", {"steps": asked})
    return signature_of_run(check, RunFacts(code, words, 1_000, done))


def monitor(kind: str = "url", **fields: Any) -> CheckFacts:
    return CheckFacts("mon_1", kind, "Shop", {"url": SHOP} if kind in ("url", "api") else fields)


def looped(result: Any) -> list[Said]:
    again = [calls("http", {"method": "POST", "url": f"{SHOP}?order=4711"}), told("http", result)]
    return [asks(), *again * 5, ends()]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://Shop.Example:80/orders/4711?x=1#y", "http://shop.example/orders/#"),
        ("https://u:p@a.de:8443/v1/users/550e8400-e29b-41d4-a716-446655440000/x;s=1", "https://a.de:8443/v1/users/#/x"),
        ("http://a/order-4711/step1/deadbeef1/%C3%A4/", "http://a/order-#/step1/#/%C3%A4"),
        ("http://[::1]:99", "http://[::1]:99/"),
        ("http://a:99999/", None),
        ("http:///x", None),
        ("ftp://a/x", None),
        ("http://{{HOST}}/x", None),
    ],
)
def test_a_target_is_origin_and_path_without_what_differs_each_time(url: str, target: str | None) -> None:
    assert target_of(url) == target


def test_agent_journey_and_monitor_that_met_the_same_are_one() -> None:
    loop = known_by(*looped({"status": 500, "body": "oops"}))
    storm = known_by(asks(), *[calls("fetch", {"url": SHOP}), fails("fetch", "HTTP 500")] * 3, ends("failed"))
    walked = journey(None, f"no element fits within 10 s; {SHOP} answered 500 Internal Server Error")
    opened = journey(f"{SHOP} answered 500", steps=[{"type": "goto", "url": "{{URL}}"}])
    requested = journey(
        "expected the status code to be less than 400, got 500", steps=[{"type": "request", "url": SHOP}]
    )
    judged = signature_of_run(monitor(), RunFacts("assertion_failed", "x", response={"status_code": 500}))
    assert (loop.label, storm.label, walked.label, judged.label) == ("tool_loop", "retry_storm", "unhandled_error", "")
    clusters = {cluster_of(each) for each in (loop, storm, walked, opened, requested, judged)}
    assert [each.title for each in clusters] == [f"{SHOP} answers 500"]


def test_what_failed_otherwise_or_elsewhere_is_another() -> None:
    statuses = [known_by(*looped({"status": status})) for status in (500, 503)]
    refused = known_by(asks(), calls("http", {"url": SHOP}), fails("http", "ECONNREFUSED"), ends("failed"))
    down = signature_of_run(monitor(), RunFacts("connect_refused", "nobody listens"))
    other = known_by(asks(), calls("http", {"url": f"{SHOP}/x"}), fails("http", "ECONNREFUSED"), ends("failed"))
    assert len({cluster_of(each).key for each in (*statuses, refused, down, other)}) == 4
    assert cluster_of(refused) == cluster_of(down)
    assert cluster_of(down).title == f"{SHOP} refuses connections"


def test_without_a_target_label_step_and_error_tell() -> None:
    def room(day: str, error: str) -> Signature:
        return known_by(asks(), calls("rooms", {"day": day, "seats": 4}), fails("rooms", error), goes_wrong(error),
                        ends("failed"))  # fmt: skip

    one, same = room("Monday", "no room 17"), room("Tuesday", "no room 4")
    assert cluster_of(one) == cluster_of(same)
    assert cluster_of(one).title == "Unhandled error at rooms(day: text, seats: number): no room #"
    assert cluster_of(room("Monday", "no key")) != cluster_of(one)
    assert cluster_of(known_by(*looped({"status": 200}))).title == (f"Tool loop at http(method: text, url: {SHOP})"), (
        "an address that answered well is part of the step"
    )


@pytest.mark.parametrize(
    "call",
    [
        {}, {"duration_ms": 12, "trace_id": "0af7651916cd43dd"}, {"arguments": {}}, {"arguments": None},
        {"arguments": ""}, {"arguments": "{}"}, {"input": []}, {"usage": {"input": 12, "output": 3}},
        {"captured": False, "parent_span_id": "b7ad6b7169203331", "span_id": "00f067aa0ba902b7"},
        {"arguments": None, "metadata": {"host": "a"}},
    ],
)  # fmt: skip
def test_what_records_a_call_is_no_part_of_what_it_asked(call: dict[str, Any]) -> None:
    made: Said = ("tool_call", {"tool": "pay", **call})
    found = known_by(asks(), made, fails("pay", "card declined"), ends("failed"))
    assert (found.step, cluster_of(found).title) == ("pay()", "Unhandled error at pay(): card declined")


@pytest.mark.parametrize("name", ["arguments", "args", "input", "tool_input", "parameters", "kwargs"])
def test_arguments_count_under_each_of_their_names_and_alone(name: str) -> None:
    made: Said = ("tool_call", {"tool": "pay", name: {"order": 4}, "id": "call_1", "latency_ms": 3})
    assert known_by(asks(), made, fails("pay", "card declined"), ends("failed")).step == "pay(order: number)"


def test_an_error_of_no_call_is_of_the_one_before_it() -> None:
    told_500 = [asks(), calls("http", {"url": SHOP}), told("http", {"status": 500}), goes_wrong("It failed")]
    assert known_by(*told_500, ends("failed")).target == SHOP
    well = [*told_500[:2], told("http", {"status": 200}), goes_wrong("It failed"), ends("failed")]
    assert known_by(*well).target is None


@pytest.mark.parametrize(
    ("asked", "answer", "error", "target", "how"),
    [
        ({"arguments": '{"url": "http://shop.example/checkout"}'}, {"result": {"status_code": 502}}, None, SHOP,
         "HTTP 502"),
        ({"args": {"q": f"POST {SHOP} now"}}, {"output": {"response": {"statusCode": "404"}}}, None, SHOP, "HTTP 404"),
        ({"args": {"url": SHOP}}, {"result": "HTTP/1.1 500 Internal Server Error\n…"}, None, SHOP, "HTTP 500"),
        ({"args": {"url": SHOP}}, {"result": "It returned 500 rows"}, None, SHOP, None),
        (None, {}, f"500 Server Error: Internal Server Error for url: {SHOP}?a=1", SHOP, "HTTP 500"),
        (None, {}, f"Server error '500 Internal Server Error' for url '{SHOP}'\nhttps://docs.example/500", SHOP,
         "HTTP 500"),
        ({"input": {"url": SHOP}}, {}, "Request failed with status code 429", SHOP, "HTTP 429"),
        ({"input": {"url": SHOP}}, {"status": "failed"}, "Read timed out. (read timeout=5)", SHOP, "timeout"),
        ({"input": {"url": SHOP}}, {}, "getaddrinfo ENOTFOUND shop", SHOP, "dns_failure"),
        ({"input": {"url": SHOP}}, {}, "SSL: CERTIFICATE_VERIFY_FAILED", SHOP, "tls_error"),
        ({"input": {"url": SHOP}}, {}, "read ECONNRESET", SHOP, "protocol_error"),
        ({"input": {"url": SHOP}}, {}, "", SHOP, ""),
        ({"input": {"url": SHOP}}, {"result": f"<a href='{SHOP}/other'> answered 500 times"}, None, SHOP, None),
        ({"input": {"page": 500}}, {"result": "http://elsewhere.example/ is a page"}, None, None, None),
        (None, {"messages": [SHOP]}, "rate limited", None, "rate limited"),
    ],
)  # fmt: skip
def test_addresses_and_answers_are_read_as_agents_write_them(
    asked: Any, answer: Any, error: str | None, target: str | None, how: str | None
) -> None:
    assert met(asked, answer, error) == (target, how)


def test_numbers_and_addresses_in_an_error_count_for_nothing() -> None:
    assert how_it_failed(0, "Order 17 at http://a/17 Failed") == how_it_failed(0, "order 4 at https://b/ failed")


@given(JSON, JSON, st.none() | st.text(max_size=30))
def test_whatever_is_recorded_is_read(asked: Any, answer: Any, error: str | None) -> None:
    found = met(asked, answer, error)
    cluster = cluster_of(Signature("tool_loop", "x", found.how, found.target))
    assert cluster.title.isprintable()
    assert met(asked, answer, error) == found


def test_a_walk_is_a_run_of_calls_and_no_loop() -> None:
    steps = [{"type": "goto", "url": "/start"}, *[{"type": "click", "selector": "#next"}] * 5, *STEPS[1:]]
    errors = [None] * 6 + ["no element fits within 10 s"]
    done = [
        StepResult(n, steps[n]["type"], "failed" if errors[n] else "success", duration_ms=3.0, error=errors[n])
        for n in range(7)
    ]
    error = "step 7 click `#buy`: no element fits within 10 s"
    skipped = StepResult(7, "click", "skipped")
    walked = Walked({"steps": steps, "base_url": "http://shop.example"}, [*done, skipped], error, 1_000)
    events = events_of_walk(walked)
    assert [event.seq for event in events] == list(range(1, 16))
    assert [event.type for event in events[-3:]] == ["tool_call", "tool_result", "end"]
    assert events[0].payload == {
        "tool": "goto",
        "arguments": {"url": "http://shop.example/start", "page": "http://shop.example/start"},
    }
    assert events[-2].payload == {"tool": "click", "error": "click `#buy`: no element fits within 10 s"}
    assert (events[0].at_ms, events[-1].at_ms, events[-1].payload) == (1_000, 1_021, {"status": "failed"})
    found = journey(*errors, steps=[{**steps[0], "url": "http://shop.example/start"}, *steps[1:]])
    assert (found.label, found.target) == ("unhandled_error", "http://shop.example/start")
    assert found.how == "click `#buy`: no element fits within # s"


def test_a_walk_that_ended_between_its_steps_has_an_error_of_its_own() -> None:
    walked = Walked({}, [StepResult(0, "goto", "success")], "the journey's 60 s were over")
    assert [event.type for event in events_of_walk(walked)] == ["tool_call", "tool_result", "error", "end"]
    assert [event.type for event in events_of_walk(Walked({}, [], "x"))] == ["error", "end"]
    check = CheckFacts("jny_1", "journey", "Checkout", {})
    assert signature_of_run(check, RunFacts("journey_timeout", "x")).label == "unhandled_error"


@pytest.mark.parametrize(
    ("check", "run", "title"),
    [
        (monitor(), RunFacts("connect_timeout", "5 s were over"), f"{SHOP} does not answer in time"),
        (monitor(), RunFacts("assertion_failed", "expected the body to contain 'ok', got 'x'",
                             assertions=[AssertionResult("status_code", "equals", 404, 404, True),
                                         AssertionResult("body", "contains", "ok", "x", False)],
                             response={"status_code": 404}),
         f"{SHOP}: expected the body to contain 'ok', got 'x'"),
        (monitor(), RunFacts("assertion_failed", "expected the status code to be 201, got 200",
                             assertions=[AssertionResult("status_code", "equals", 201, 200, False)],
                             response={"status_code": 200}), f"{SHOP} answers 200"),
        (monitor("tcp", host="DB", port=5432), RunFacts("connect_refused", "x"), "tcp://db:5432 refuses connections"),
        (monitor("dns", host="a.example", record_type="MX"), RunFacts("dns_failure", "x"),
         "dns://a.example?type=MX has a name that can't be resolved"),
        (monitor("heartbeat"), RunFacts("heartbeat_missed", "x"), "Shop was not heard of in time"),
    ],
)  # fmt: skip
def test_monitors_are_known_by_what_they_ask(check: CheckFacts, run: RunFacts, title: str) -> None:
    assert cluster_of(signature_of_run(check, run)).title == title


def test_an_alert_without_a_failed_run_is_known_by_its_rule() -> None:
    assert cluster_of(signature_of_rule(monitor(), "response_time")).title == f"{SHOP} is slow"
    walk = CheckFacts("jny_1", "journey", "Checkout", {"steps": STEPS})
    assert cluster_of(signature_of_rule(walk, "no_data")).title == "Checkout is not measured"


def test_the_most_common_label_counts_and_of_several_the_first_of_the_registry() -> None:
    assert label_of({"stall": 1, "tool_loop": 1, "unhandled_error": 1}) == "tool_loop"
    assert label_of({"tool_loop": 1, "unhandled_error": 2}) == "unhandled_error"
    assert label_of({}) == "unhandled_error"

"""/api/traces/:id/events: each event once, by `seq`; what does not fit is named and takes nothing with it."""

from __future__ import annotations

import json
import threading
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.events import MOST_EVENTS, RefusedError, read_agent_event
from telemetry.agents.facts import read_fact
from telemetry.agents.stored.appending import ORDER, append_events
from telemetry.agents.stored.replaying import events_of_session
from telemetry.agents.stored.sessions import NewSession, begin_session, get_session
from tests.api.client import Client
from tests.telemetry.agents.running import append, begin, event, replayed


def test_one_event_is_201_again_200_and_another_under_its_key_409(owner: Client) -> None:
    begin(owner)
    one = event(1, "message", payload={"text": "héllo"}, step=2)
    assert append(owner, one, status=201) == {"accepted": 1, "rejected": []}
    assert append(owner, one, status=200) == {"accepted": 1, "rejected": []}
    for other in ({**one, "payload": {"text": "x"}}, {**one, "seq": 2}, {**one, "timestamp": "2024-01-15T10:29:01Z"}):
        error = owner("POST", "/api/traces/trace_1/events", other)
        assert (error.status_code, "another body" in error.get_json()["error"]["message"]) == (409, True)
    [stored] = replayed(owner)
    assert stored == {**one, "received_at": "2024-01-15T10:30:00.000Z"}


@pytest.mark.parametrize("seq", [2, 1])
def test_one_whose_seq_does_not_rise_is_409(owner: Client, seq: int) -> None:
    begin(owner)
    append(owner, event(2), status=201)
    refused = owner("POST", "/api/traces/trace_1/events", event(seq, idempotency_key="new"))
    assert (refused.status_code, refused.get_json()["error"]["message"]) == (409, ORDER)


BAD: list[tuple[Any, str]] = [
    (7, "must be an object"),
    ({**event(9), "seq": 0}, "seq"),
    ({**event(9), "seq": "9"}, "seq"),
    ({**event(9), "seq": True}, "seq"),
    ({**event(9), "seq": 2**60}, "seq"),
    ({**event(9), "type": "thought"}, "type"),
    ({**event(9), "timestamp": "yesterday"}, "timestamp"),
    ({**event(9), "timestamp": 7}, "timestamp"),
    ({**event(9), "idempotency_key": ""}, "idempotency_key"),
    ({**event(9), "idempotency_key": "a\nb"}, "idempotency_key"),
    ({**event(9), "idempotency_key": "k" * 201}, "idempotency_key"),
    ({**event(9), "step": 1.5}, "step"),
    ({**event(9), "step": -1}, "step"),
    ({**event(9), "payload": []}, "payload"),
    ({**event(9), "tool": "x"}, "tool"),
    ({**event(9), "payload": {"text": "x" * (256 << 10)}}, "256 KiB"),
    ({name: value for name, value in event(9).items() if name != "timestamp"}, "timestamp"),
]


@pytest.mark.parametrize(("bad", "named"), BAD)
def test_a_bad_event_alone_is_422_and_in_a_batch_takes_nothing_with_it(owner: Client, bad: Any, named: str) -> None:
    begin(owner)
    alone = owner("POST", "/api/traces/trace_1/events", bad if isinstance(bad, dict) else {"seq": bad})
    assert alone.status_code == 422
    answer = append(owner, {"events": [event(1), bad, event(10)]})
    assert answer["accepted"] == 2
    [rejected] = answer["rejected"]
    assert (rejected["index"], named in rejected["reason"]) == (1, True)
    assert [each["seq"] for each in replayed(owner)] == [1, 10]


def test_a_mixed_batch_answers_as_the_seed_says(owner: Client) -> None:
    begin(owner)
    batch = [event(5, idempotency_key="trace_curl_1:dev:0"), event(5, idempotency_key="trace_curl_1:dev:1")]
    assert append(owner, batch) == {
        "accepted": 1,
        "rejected": [{"index": 1, "idempotency_key": "trace_curl_1:dev:1", "reason": ORDER}],
    }
    assert append(owner, batch)["accepted"] == 1, "what was stored is accepted again"


@pytest.mark.parametrize(
    ("body", "status"),
    [([], 400), ({"events": []}, 400), ({"events": {}}, 400), ("x", 400), ([event(1)] * (MOST_EVENTS + 1), 422)],
)
def test_what_is_no_batch_is_refused_whole(owner: Client, body: Any, status: int) -> None:
    begin(owner)
    assert owner("POST", "/api/traces/trace_1/events", body).status_code == status
    assert replayed(owner) == []


def test_bodies_that_can_not_be_read_and_sessions_that_are_none(owner: Client) -> None:
    begin(owner)
    path = "/api/traces/trace_1/events"
    doubled = b'{"events": [{}], "events": []}'
    for body in (b"", b"{", b"7", b'"x"', b"\xff", b'{"seq": NaN}', b'[{"a": "\\ud8"}]', b"[" * 100_000, doubled):
        answer = owner("POST", path, data=body, content_type="application/json")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "malformed"), body[:20]
    assert owner("POST", path, data=b" " * ((5 << 20) + 1), content_type="application/json").status_code == 413
    assert owner("POST", "/api/traces/none/events", event(1)).status_code == 404
    assert owner("GET", "/api/traces/none/events").status_code == 404


UNREADABLE = [
    (b'"payload": {"text": "\\u0000"}', "payload"), (b'"payload": {"text": "a\\ud83d"}', "payload"),
    (b'"payload": {"text": "\\udc00\\ud83d"}', "payload"), (b'"payload": {"text": "\xff"}', "payload"),
    (b'"payload": {"\\u0000": 1}', "payload"), (b'"payload": ' + b'{"a":' * 120 + b"1" + b"}" * 120, "payload"),
    (b'"timestamp": "\\ud800"', "timestamp"), (b'"idempotency_key": "\\udfff"', "idempotency_key"),
    (b'"payload": {"a": 1, "a": 2}', "payload"), (b'"payload": {"b": [{"a": 1, "a": "\\u0022"}]}', "payload"),
    (b'"seq": 9', "seq"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "named"), UNREADABLE)
def test_a_text_that_can_not_be_kept_refuses_its_own_event_alone(owner: Client, bad: bytes, named: str) -> None:
    """Half a character, NUL, bytes that are no UTF-8, what is nested too deep, keys that stand there twice."""
    begin(owner)
    good, kept = msgspec.json.encode(event(10, payload={"text": "\\ud83d said \U0001f600"})), event(1)
    one = msgspec.json.encode(event(9))
    fields = msgspec.json.decode(one, type=dict[str, msgspec.Raw])
    if named != "seq":
        fields.pop(named)
    spoiled = b"{" + b", ".join([b'"%s": %s' % (k.encode(), bytes(v)) for k, v in fields.items()] + [bad]) + b"}"
    escaped = good.replace("\U0001f600".encode(), rb"\ud83d\ude00")
    body = b"[" + b", ".join([msgspec.json.encode(kept), spoiled, escaped]) + b"]"
    for batch in (body, b' {"events" : ' + body + b"} "):
        answer = owner("POST", "/api/traces/trace_1/events", data=batch, content_type="application/json")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        said = answer.get_json()
        assert said["accepted"] == 2
        [rejected] = said["rejected"]
        assert (rejected["index"], rejected["reason"].split(" ")[0]) == (1, named)
        assert rejected["idempotency_key"] == (None if named == "idempotency_key" else "k9")
    assert [each["payload"] for each in replayed(owner)] == [{}, {"text": "\\ud83d said \U0001f600"}]
    alone = owner("POST", "/api/traces/trace_1/events", data=spoiled, content_type="application/json")
    assert (alone.status_code, list(alone.get_json()["error"]["fields"])) == (422, [named])


def test_what_stands_beside_the_events_of_a_batch_is_named(owner: Client) -> None:
    begin(owner)
    refused = owner("POST", "/api/traces/trace_1/events", {"events": [event(1)], "session_id": "trace_1"})
    assert (refused.status_code, list(refused.get_json()["error"]["fields"])) == (422, ["session_id"])
    assert replayed(owner) == []


@pytest.mark.parametrize(
    ("seq", "why"),
    [(b"9007199254740993", "from 1 to 9007199254740991"), (b"1e3", "without an exponent"), (b"1.0", "without a point")],
)
def test_a_seq_that_is_none_is_told_why(owner: Client, seq: bytes, why: str) -> None:
    begin(owner)
    body = msgspec.json.encode(event(7777)).replace(b"7777", seq, 1)
    refused = owner("POST", "/api/traces/trace_1/events", data=body, content_type="application/json")
    assert refused.status_code == 422
    [said] = refused.get_json()["error"]["fields"]["seq"]
    assert why in said


keys = st.text('ab"\\:', max_size=2)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab":\\\u00e9', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=4), st.booleans(), st.booleans())
def test_no_payload_is_taken_for_one_with_a_doubled_key(payload: Any, ascii_only: bool, spaced: bool) -> None:
    item = event(1, payload=payload)
    sent = json.dumps(item, ensure_ascii=ascii_only, indent=1 if spaced else None)
    assert read_agent_event(json.loads(sent), sent.encode()).seq == 1


def test_events_are_read_by_seq_whatever_clients_clocks_say(owner: Client) -> None:
    begin(owner)
    times = ["2024-01-15T10:29:30Z", "2023-01-01T00:00:00Z", "2030-01-01T00:00:00Z"]
    append(owner, [event(number + 1, timestamp=at) for number, at in enumerate(times)])
    append(owner, [event(number) for number in range(10, 300)])
    for limit in (1000, 7):
        assert [each["seq"] for each in replayed(owner, limit=limit)] == [1, 2, 3, *range(10, 300)]


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        *[
            ({"status": said}, "failed")
            for said in (
                "failed",
                "ERROR",
                "failure",
                "timeout",
                "timed_out",
                "Timed out",
                "aborted",
                "cancelled",
                "canceled",
                "crashed",
                "errored",
                "max_steps",
            )
        ],
        *[
            (said, "failed")
            for said in (
                {"error": "boom"},
                {"error": {"type": "Timeout"}},
                {"error": True},
                {"success": False},
                {"outcome": "error"},
                {"reason": "max_turns"},
                {"exit_code": 3},
            )
        ],
        *[
            (said, "completed")
            for said in (
                {},
                {"status": "completed"},
                {"status": "ok", "error": "a retry was needed"},
                {"error": None},
                {"error": ""},
                {"status": None, "result": "no errors"},
                {"reason": "stop"},
                {"status": "done"},
            )
        ],
    ],
)
def test_the_end_says_how_a_run_ended(owner: Client, payload: dict[str, Any], status: str) -> None:
    begin(owner)
    append(owner, [event(1), event(2, "end", payload=payload)])
    [found] = owner("GET", "/api/sessions").get_json()["sessions"]
    assert (found["status"], found["last_seq"]) == (status, 2)
    assert read_fact(2, None, "end", 0, payload).failed == (status == "failed"), "detectors go by the same"


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (["completed", "completed"], "completed"), (["completed", "failed"], "failed"),
        (["failed", "completed"], "failed"), (["failed", "completed", "completed"], "failed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_a_run_of_which_a_turn_failed_has_failed(owner: Client, ends: list[str], status: str, at_once: bool) -> None:
    begin(owner)
    sent = [event(place + 1, "end", payload={"status": said}) for place, said in enumerate(ends)]
    for batch in [sent] if at_once else [[each] for each in sent]:
        append(owner, [*batch, event(batch[-1]["seq"], idempotency_key="late")])
    append(owner, event(10, "message"), status=201)
    [found] = owner("GET", "/api/sessions").get_json()["sessions"]
    assert (found["status"], found["last_seq"]) == (status, 10)


def test_many_writers_leave_one_order(database: Database, organization: str) -> None:
    """Each writer tries for the next place until it has it, as SDKs of one run in several processes do."""
    store, each = database.telemetry, 15
    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        begin_session(session, organization, NewSession("s", None, "n", "a", {}), 1)

    def write(writer: int) -> None:
        for number in range(each):
            stored = 0
            while not stored:
                with store.read(EVERY_ORGANIZATION) as session:
                    found = get_session(session, organization, "s")
                assert found is not None
                sent = event(found.last_seq + 1, idempotency_key=f"{writer}:{number}")
                item = read_agent_event(sent, msgspec.json.encode(sent))
                with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                    stored = append_events(session, organization, "s", [item], 1).stored

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read(EVERY_ORGANIZATION) as session:
        events = events_of_session(session, organization, 1)
    assert [found.seq for found in events] == list(range(1, 4 * each + 1))
    assert [found.stream_seq for found in events] == list(range(1, 4 * each + 1))
    assert len({found.idempotency_key for found in events}) == 4 * each


sent = st.builds(
    lambda seq, key, text: event(seq, idempotency_key=key, payload={"text": text}),
    st.integers(0, 6), st.sampled_from("abcd"), st.sampled_from("xy"),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(sent, min_size=1, max_size=4), max_size=5))
def test_what_is_stored_is_what_a_plain_reading_of_the_rules_says(
    database: Database, make_organization: Any, batches: list[list[dict[str, Any]]]
) -> None:
    """The rules once more: a known key with the same body is accepted, else a rising `seq` is stored."""
    organization_id, store = make_organization("Any"), database.telemetry
    expected: dict[str, dict[str, Any]] = {}
    last = 0
    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        begin_session(session, organization_id, NewSession("s", None, "n", "a", {}), 1)
    for batch in batches:
        accepted = 0
        for item in batch:
            if item["seq"] >= 1 and item["idempotency_key"] in expected:
                accepted += expected[item["idempotency_key"]] == item
            elif item["seq"] > last:
                expected[item["idempotency_key"]], last = item, item["seq"]
                accepted += 1
        events = [_read(item) for item in batch]
        with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            done = append_events(session, organization_id, "s", events, 1)
        assert done.accepted == accepted
    with store.read(EVERY_ORGANIZATION) as session:
        found = events_of_session(session, organization_id, 1)
    assert [(each.seq, each.payload) for each in found] == [(e["seq"], e["payload"]) for e in expected.values()]


def _read(item: dict[str, Any]) -> Any:
    try:
        return read_agent_event(item, msgspec.json.encode(item))
    except RefusedError as error:
        return error

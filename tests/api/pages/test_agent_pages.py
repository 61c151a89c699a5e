"""Pages of agents' runs, on both stores: what the list finds, what one run shows, and what is only text."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.analysis import concluded
from telemetry.agents.detectors.base import Finding
from telemetry.agents.stored.analyses import link_incident, store_analysis
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.pages.agent_world import CRITICAL, LOOP, RUN, analyze, go_on, many, record, sent
from tests.api.pages.world import Browser, Seen
from tests.telemetry.agents.recorded import asks, ends, goes_wrong
from tests.telemetry.agents.running import append, begin
from tests.telemetry.reporting import make_project

HOSTILE = "<script>alert(1)</script>\"'`{{7*7}}\u202e"


def hrefs(seen: Seen) -> list[str]:
    return [str(link.get("href")) for link in seen.all("a")]


def events_on(seen: Seen) -> list[int]:
    """Their `seq`, as they stand."""
    return [int((item["id"] or "")[4:]) for item in seen.all("li") if (item.get("id") or "").startswith("seq-")]


def names(seen: Seen) -> list[str]:
    """Ids of the runs that are listed."""
    return [link.removeprefix("/agents/") for link in hrefs(seen) if link.startswith("/agents/")]


def test_a_first_visit_says_how_to_record_a_run_and_it_works(signed_in: Browser, owner: Client) -> None:
    seen = signed_in.get("/agents")
    assert "No agent has reported yet" in seen.text
    text = seen.text[seen.text.index("export TRACER_API_KEY") :]
    assert text.count("https://tracer.example/api/traces") == 3
    said = [json.loads(body) for body in re.findall(r"-d '(.*?)'(?= curl)", text)]
    assert owner("POST", "/api/traces", said[0]).status_code == 201
    assert append(owner, said[1], to="demo-1")["accepted"] == 4
    analyze(owner, "demo-1")
    seen = signed_in.get("/agents")
    assert "1 failed" in seen.text
    assert "unhandled_error" in seen.text
    assert "search_rooms" in signed_in.get("/agents/demo-1").text


def test_runs_are_listed_with_what_was_found(signed_in: Browser, owner: Client) -> None:
    make_project(owner, "shop")
    record(owner, LOOP, "loops", name="Book a room")
    record(owner, [asks(), ends()], "a b ü", project_id="shop", agent="mailer")
    record(owner, [asks()], "new", name="Third")
    summary = analyze(owner, "loops")["summary"]
    seen = signed_in.get("/agents")
    assert "1 running, 1 failed and 1 completed" in seen.text
    assert names(seen) == ["new", "a%20b%20%C3%BC", "loops"] == names(signed_in.get("/agents?cursor="))
    assert seen.text.index("Third") < seen.text.index("mailer · shop") < seen.text.index(summary)
    for part in (summary, "not analyzed yet", "1.3 s", "24.7 s"):
        assert part in seen.text, part


def test_filters_narrow_the_list_and_stay_in_the_address(
    signed_in: Browser, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(owner, "shop")
    record(owner, LOOP, "loops")
    record(owner, [asks(), ends()], "fine", project_id="shop", agent="mailer")
    record(owner, [asks(), ends()], "fine_2", agent="mailer", name="Sort mail")
    analyze(owner, "loops")
    for query, wanted in (
        ("project=shop", ["fine"]), ("agent=mailer", ["fine_2", "fine"]), ("status=failed", ["loops"]),
        ("label=tool_loop", ["loops"]), ("q=MAIL", ["fine_2"]), ("q=fine&agent=mailer&project=shop", ["fine"]),
    ):  # fmt: skip
        assert names(signed_in.get(f"/agents?{query}")) == wanted, query
    nothing = signed_in.get("/agents?agent=nobody")
    assert "No run fits" in nothing.text
    assert {"value": "nobody", "selected": None} in nothing.all("option"), "what was asked for stays chosen"
    for query in ("status=gone", "label=none", "project=nobodys"):
        assert "Something in it does not fit" in signed_in.get(f"/agents?{query}", status=422).text
    monkeypatch.setattr("api.pages.agents.PER_PAGE", 1)
    first = signed_in.get("/agents?agent=mailer")
    [older] = [link for link in hrefs(first) if "cursor=" in link]
    assert "agent=mailer" in older
    second = signed_in.get(older)
    assert names(second) == ["fine"]
    assert not [link for link in hrefs(second) if "cursor=" in link]
    assert not [part for part in second.all("div") if "data-live" in part], "an older page stays what it is"
    signed_in.get("/agents?cursor=x", status=400)


def test_the_list_listens_to_what_it_is_about(signed_in: Browser, owner: Client) -> None:
    make_project(owner, "shop")
    [every] = [part for part in signed_in.get("/agents").all("h1") if "data-stream" in part]
    [one] = [part for part in signed_in.get("/agents?project=shop").all("h1") if "data-stream" in part]
    assert (every["data-stream"], one["data-stream"]) == ("/api/stream", "/api/stream?project_id=shop")


def test_a_run_is_shown_event_by_event_with_what_went_wrong(signed_in: Browser, owner: Client) -> None:
    record(owner, LOOP, metadata={"commit": "9f3c1d2"})
    found = analyze(owner)
    seen = signed_in.get(RUN)
    assert events_on(seen) == list(range(1, len(LOOP) + 1))
    text = seen.text
    for part in (
        "Book a room", found["summary"], "scheduler", "User", "Find me a room", "no rooms free", '{"day": "Monday"}',
        "answered by #4", "answers #3", "1,200 tokens in, 34 out", "$0.0048", "took 1.83 s", "HTTP 503 from upstream",
        "at book()", "gave up", "filters.seats", "9f3c1d2", "+24.7 s", f"{len(LOOP)} events", "next after 1.3 s",
        "Critical step", "tool_loop", "90 % sure",
    ):  # fmt: skip
        assert part in text or any(part in str(svg.get("aria-label")) for svg in seen.all("svg")), part
    [critical] = [item for item in seen.all("li") if "critical" in str(item.get("class")) and item.get("id")]
    assert critical["id"] == f"seq-{CRITICAL}"
    [line] = [svg for svg in seen.all("svg") if svg.get("class") == "track"]
    assert f"The critical step is event {CRITICAL}, after 2.6 s." in str(line["aria-label"])
    assert [link for link in hrefs(seen) if link == f"#seq-{CRITICAL}"], "evidence leads to the event"
    [image] = seen.all("img")
    assert (image["src"], image["alt"]) == ("/artifacts/art_01hm6aqh20z1g8qzwtkn10", "The form")


def test_steps_of_their_own_are_what_the_critical_step_counts(signed_in: Browser, owner: Client) -> None:
    begin(owner)
    said = [{**event, "step": event["seq"] // 2} for event in sent(LOOP)]
    append(owner, said)
    found = analyze(owner)
    seen = signed_in.get(RUN)
    [critical] = [item for item in seen.all("li") if "critical" in str(item.get("class")) and item.get("id")]
    assert critical["id"] == f"seq-{found['detectors'][0]['evidence'][0]}"
    assert f"critical step {found['critical_step']}" in seen.text
    assert "step 1" in seen.text


def test_a_long_run_is_read_window_by_window(
    signed_in: Browser, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.pages.agent_run.WINDOW", 10)
    record(owner, [*many(34), ends()])
    first = signed_in.get(RUN)
    assert events_on(first) == list(range(1, 11))
    assert "1 to 10 of 35" in first.text
    assert not _way(first, "prev")
    read, way = events_on(first), _way(first, "next")
    while way:
        seen = signed_in.get(way[0])
        read, way = read + events_on(seen), _way(seen, "next")
    assert read == list(range(1, 36)), "each once"
    [back] = _way(seen, "prev")
    assert back.endswith("#seq-30")
    assert events_on(signed_in.get(back)) == list(range(21, 31))
    monkeypatch.setattr("api.pages.agent_run.WINDOW", 15)
    around = signed_in.get(f"{RUN}?seq=25")
    assert events_on(around) == list(range(15, 30)), "with what led to it"
    [here] = [item for item in around.all("li") if item.get("aria-current")]
    assert here["id"] == "seq-25"


def _way(seen: Seen, rel: str) -> list[str]:
    return [str(link["href"]) for link in seen.all("a") if link.get("rel") == rel]


def test_a_running_run_opens_at_its_end(signed_in: Browser, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.agent_run.WINDOW", 10)
    record(owner, many(34))
    seen = signed_in.get(RUN)
    assert events_on(seen) == list(range(25, 35))
    [listening] = [part for part in seen.all("ol") if "data-stream" in part]
    assert listening["data-stream"] == "/api/stream?session_id=trace_1"
    go_on(owner, many(3), 34)
    assert events_on(signed_in.get(f"{RUN}?after_seq=34")) == [35, 36, 37]
    assert "There are no events after this one" in signed_in.get(f"{RUN}?after_seq=37").text


@pytest.mark.parametrize(
    ("query", "seq"),
    [("go=12", 12), ("go=%2312", 12), ("go=0", 1), ("go=9007199254740991", 35), ("at=13000", 11), ("at=12999", 10),
     ("at=0", 1), ("at=99999999", 35)],
)  # fmt: skip
def test_a_number_or_a_time_leads_to_its_event(signed_in: Browser, owner: Client, query: str, seq: int) -> None:
    record(owner, [*many(34), ends()])
    answer = signed_in.answer(f"{RUN}?{query}", status=303)
    assert answer.headers["Location"] == f"{RUN}?seq={seq}#seq-{seq}"


def test_what_is_no_number_is_refused_and_an_empty_run_leads_nowhere(signed_in: Browser, owner: Client) -> None:
    begin(owner)
    for query in ("seq=x", "after_seq=-1", "go=1e3", "at=9" * 18, "seq=9007199254740993"):
        assert "must be a whole number" in signed_in.get(f"{RUN}?{query}", status=422).text, query
    assert signed_in.answer(f"{RUN}?go=3", status=303).headers["Location"] == RUN
    seen = signed_in.get(RUN)
    assert "No event has come yet: they are shown as they come" in seen.text
    signed_in.get("/agents/nobodys", status=404)


def test_an_event_of_any_size_is_shown_and_its_whole_can_be_read(signed_in: Browser, owner: Client) -> None:
    begin(owner)
    large = "x" * 200_000
    events = [{**event, "payload": {"content": large}} for event in sent([asks()] * 30)]
    append(owner, events[:20])
    append(owner, events[20:])
    answer = signed_in.answer(RUN)
    assert len(answer.get_data()) < 700_000
    seen = Seen(answer.get_data(as_text=True))
    assert len(events_on(seen)) == 20, "as many as 4 MiB hold"
    whole = next(link for link in hrefs(seen) if link.startswith("/api/"))
    assert whole == "/api/traces/trace_1/events?after_seq=0&limit=1"
    [event] = signed_in.answer(whole).get_json()["events"]
    assert event["payload"]["content"] == large


def test_it_is_analyzed_on_its_page_and_says_when_more_has_happened(signed_in: Browser, owner: Client) -> None:
    record(owner, LOOP[:12])
    assert "It was not analyzed yet" in signed_in.get(RUN).text
    answer = signed_in.send(RUN, f"{RUN}/analyze")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{RUN}?done=analyzed#analysis")
    seen = signed_in.get(f"{RUN}?done=analyzed")
    assert "It was analyzed just now" in seen.text
    assert "More has happened since" not in seen.text
    go_on(owner, [goes_wrong()], 12)
    assert "More has happened since" in signed_in.get(RUN).text
    assert signed_in.post(f"{RUN}/analyze", {}).status_code == 403, "without its token"


def test_only_who_may_run_things_is_offered_to_analyze(browser: Browser, owner: Client, make_key: MakeKey) -> None:
    record(owner, LOOP)
    browser.sign_in(make_key(["read"]))
    seen = browser.get(RUN)
    assert f"{RUN}/analyze" not in [form.get("action") for form in seen.all("form")]
    assert "that is done soon after it has ended." in seen.text


def test_it_leads_to_the_incident_that_it_belongs_to(
    signed_in: Browser, owner: Client, database: Database, organization: str
) -> None:
    record(owner, LOOP)
    incident = f"/incidents/{analyze(owner)['incident_id']}"
    assert incident in hrefs(signed_in.get(RUN))
    assert signed_in.get(incident)
    with database.telemetry.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        link_incident(session, organization, 1, None)
    assert incident not in hrefs(signed_in.get(RUN))


def test_evidence_beyond_the_window_leads_to_its_own(
    signed_in: Browser, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.pages.agent_run.WINDOW", 5)
    record(owner, LOOP)
    analyze(owner)
    links = hrefs(signed_in.get(RUN))
    assert {"#seq-3", "#seq-5", f"{RUN}?seq=7#seq-7"} <= set(links)


def test_a_key_for_certain_projects_sees_those_alone(browser: Browser, owner: Client) -> None:
    make_project(owner, "shop")
    make_project(owner, "secret", name="Hidden")
    record(owner, LOOP, "mine", project_id="shop", name="Mine")
    record(owner, LOOP, "theirs", project_id="secret", name="Hidden run", agent="hidden-agent")
    record(owner, LOOP, "nobodys", name="Hidden too")
    made = owner.data("POST", "/v1/api-keys", {"name": "n", "scopes": ["run"], "projects": ["shop"]}, status=201)
    browser.sign_in(made["key"])
    seen = browser.get("/agents")
    assert names(seen) == ["mine"]
    assert "idden" not in seen.text
    assert "1 failed" in seen.text, "others are not even counted"
    assert "Mine" in browser.get("/agents/mine").text
    for hidden in ("theirs", "nobodys"):
        assert "idden" not in browser.get(f"/agents/{hidden}", status=403).text.replace("forbidden", "")
    assert browser.send("/agents/mine", "/agents/mine/analyze").status_code == 303
    token = next(each["value"] or "" for each in browser.get("/agents/mine").all("input") if each.get("name"))
    assert browser.post("/agents/theirs/analyze", {"form_token": token}).status_code == 403


def test_another_organization_sees_nothing_of_it(
    browser: Browser, owner: Client, make_key: MakeKey, make_organization: Any
) -> None:
    record(owner, LOOP)
    browser.sign_in(make_key(organization_id=make_organization("Elsewhere")))
    assert "No agent has reported yet" in browser.get("/agents").text
    browser.get(RUN, status=404)


def test_a_project_leads_to_its_runs(signed_in: Browser, owner: Client) -> None:
    make_project(owner, "shop")
    assert "/agents?project=shop" in hrefs(signed_in.get("/projects/shop"))
    assert "/agents" in hrefs(signed_in.get("/projects"))


def test_hostile_text_is_only_text(signed_in: Browser, owner: Client, database: Database, organization: str) -> None:
    weird: Any = [HOSTILE, {HOSTILE: [HOSTILE]}, None, 7, 1e308, True]
    begin(owner, name="A <b>name</b>", agent="<i>agent</i>", metadata={HOSTILE: weird}, session_id="<s>'\"{{7*7}}")
    names = "role content tool arguments model level status reason stack caption finish_reason error"
    payload = dict.fromkeys(names.split(), HOSTILE)
    kinds = ("message", "llm_call", "tool_call", "tool_result", "error", "screenshot", "state", "log", "end")
    said = [(kind, {**payload, "artifact_id": HOSTILE, HOSTILE: weird, "prompt": weird}) for kind in kinds]
    said += [(kind, dict.fromkeys(payload, weird)) for kind in kinds]
    path = "/api/traces/%3Cs%3E'%22%7B%7B7*7%7D%7D"
    assert owner("POST", f"{path}/events", sent(said)).status_code == 200
    found = concluded([Finding(HOSTILE.replace(" ", ""), 0.9, 1, [1], HOSTILE)])
    with database.telemetry.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        store_analysis(session, organization, 1, found, upto_seq=99, now_ms=1)
        link_incident(session, organization, 1, '"><script>alert(1)')
    for address in ("/agents", "/agents/%3Cs%3E%27%22%7B%7B7*7%7D%7D", "/agents?q=%3Cscript%3Ealert(1)"):
        answer = signed_in.answer(address)
        text = answer.get_data(as_text=True)
        for tag in ("<script>alert", "<b>name", "<i>agent", "<s>", "\u202e", ">49<"):
            assert tag not in text, (address, tag)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert all(link.startswith(("/", "#")) for link in hrefs(Seen(text)))

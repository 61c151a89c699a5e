"""A run of an agent in a real browser: stepped through by keys, played, and followed while it happens."""

from __future__ import annotations

import pytest
from flask import Response
from playwright.sync_api import Locator, Page, expect

from api.stream_sources import Source
from api.streams import open_stream
from tests.api.client import Client
from tests.api.pages.agent_world import CRITICAL, LOOP, RUN, analyze, go_on, many, record
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import PHONE, faults
from tests.telemetry.agents.recorded import ends, says
from tests.telemetry.agents.running import begin

HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script>"
PATIENT_MS = 15_000
"""A page asks a slow server less often: four times as long as its last answer took."""
KEPT = "performance.getEntriesByType('navigation').length"


def current(page: Page) -> Locator:
    return page.locator("#events [aria-current]")


def seqs(page: Page) -> list[int]:
    """Of the events that stand there, in their order."""
    found: list[int] = page.evaluate("[...document.querySelectorAll('#events > li')].map(li => Number(li.id.slice(4)))")
    return found


def at_event(page: Page, seq: int) -> None:
    expect(current(page)).to_have_id(f"seq-{seq}", timeout=PATIENT_MS)
    expect(page.locator("#player")).to_be_visible()  # of a new page: its script hears keys by now


@pytest.fixture
def looped(owner: Client) -> None:
    record(owner, LOOP, metadata={"commit": "9f3c1d2"})
    analyze(owner)


@pytest.mark.parametrize("path", ["/agents", RUN, f"{RUN}?seq={CRITICAL}#seq-{CRITICAL}", "/agents?q=nothing"])
def test_its_pages_have_no_barriers(visit: Visit, looped: None, path: str, complaints: list[str]) -> None:
    page = visit(path)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert faults(page) == []
    complaints[:] = [said for said in complaints if "404" not in said]  # its picture is none


def test_a_first_visit_and_a_run_without_events_have_no_barriers(visit: Visit, owner: Client) -> None:
    page = visit("/agents")
    assert "yet" in page.inner_text("main")
    assert faults(page) == []
    begin(owner)
    page.goto(RUN)
    assert faults(page) == []
    page.keyboard.press("j")
    page.keyboard.press("p")
    page.keyboard.press("c")


def test_events_are_stepped_through_by_keys(visit: Visit, owner: Client) -> None:
    record(owner, [*LOOP[:-4], *LOOP[-1:]])
    analyze(owner)
    page = visit(RUN)
    for key, seq in (
        ("j", 1), ("j", 2), ("ArrowDown", 3), ("k", 2), ("ArrowUp", 1), ("k", 1), ("End", len(LOOP) - 3),
        ("j", len(LOOP) - 3), ("c", CRITICAL), ("Home", 1),
    ):  # fmt: skip
        page.keyboard.press(key)
        at_event(page, seq)
    expect(current(page)).to_be_focused()
    assert page.url.endswith("#seq-1")
    page.keyboard.press("Enter")
    expect(current(page).locator("pre").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(current(page).locator("pre").first).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Close").press("j")
    at_event(page, 1)
    page.get_by_label("Keys work on this page").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.reload()
    page.keyboard.press("j")
    at_event(page, 1)
    page.keyboard.press("?")
    page.get_by_label("Keys work on this page").check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    at_event(page, 2)
    page.get_by_label("Event", exact=True).press("j")
    at_event(page, 2)


def test_a_link_to_an_event_leads_to_it_wherever_it_is(visit: Visit, owner: Client) -> None:
    record(owner, [*many(450), ends()])
    page = visit(f"{RUN}#seq-333")
    at_event(page, 333)
    expect(current(page)).to_be_in_viewport()
    page.keyboard.press("Home")
    at_event(page, 1)
    page.keyboard.press("End")
    at_event(page, 451)
    page.get_by_label("Event", exact=True).fill("7")
    page.get_by_role("button", name="Go").click()
    at_event(page, 7)
    box = page.locator("svg.track").bounding_box()
    assert box is not None
    page.locator("svg.track").click(position={"x": box["width"] / 2, "y": 20})
    at_event(page, 226)
    expect(page.locator("#position")).to_contain_text("#226 · +4:52 min")


def test_steps_go_on_beyond_the_window_without_a_new_page(visit: Visit, owner: Client) -> None:
    record(owner, [*many(250), ends()])
    page = visit(RUN)
    assert seqs(page) == list(range(1, 101))
    page.locator("#seq-100 .number").click()
    page.keyboard.press("j")
    at_event(page, 101)
    assert seqs(page) == list(range(1, 201))
    expect(page.locator("#range")).to_have_text("1 to 200 of 251")
    page.locator("#seq-200 .number").click()
    page.keyboard.press("j")
    at_event(page, 201)
    assert seqs(page) == list(range(1, 252))
    expect(page.locator("#after a")).to_have_count(0)
    page.keyboard.press("End")
    at_event(page, 251)
    assert page.evaluate(KEPT) == 1


def test_evidence_leads_to_its_event(visit: Visit, owner: Client) -> None:
    record(owner, LOOP[:-3])
    analyze(owner)
    page = visit(RUN)
    page.locator("#analysis").get_by_role("link", name="#7").click()
    at_event(page, 7)
    page.get_by_role("link", name=f"Critical step: #{CRITICAL}").click()
    at_event(page, CRITICAL)


def test_it_plays_at_the_pace_at_which_it_happened(visit: Visit, owner: Client) -> None:
    """The clock of the page is moved by hand."""
    record(owner, [("log", {"at_ms": at_ms}) for at_ms in (0, 2_000, 34_000)])
    page = visit("/agents")
    page.clock.install(time=1_705_315_000_000)
    page.goto(RUN)
    page.clock.pause_at(1_705_315_100_000)
    page.get_by_role("button", name="Play").click()
    at_event(page, 1)
    page.clock.run_for(1_800)
    at_event(page, 1)
    page.clock.run_for(400)
    at_event(page, 2)
    expect(page.locator("#position")).to_contain_text("next in 31.8 s")
    page.get_by_label("Speed").select_option("16")
    page.clock.run_for(1_800)
    at_event(page, 2)
    page.clock.run_for(400)
    at_event(page, 3)
    expect(page.get_by_role("button", name="Play")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Play").click()
    at_event(page, 1)
    page.get_by_role("button", name="Stop").click()
    page.clock.run_for(60_000)
    at_event(page, 1)


def test_events_are_added_as_they_come_each_once(visit: Visit, owner: Client) -> None:
    record(owner, LOOP[:5])
    page = visit(RUN)
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    page.keyboard.press("j")
    page.keyboard.press("j")
    for at in range(5, 12):
        go_on(owner, LOOP[at : at + 1], at)
    expect(page.locator("#events > li")).to_have_count(12, timeout=PATIENT_MS)
    go_on(owner, many(250), 12)
    expect(page.locator("#events > li")).to_have_count(262, timeout=PATIENT_MS)
    go_on(owner, [ends("failed")], 262)
    expect(page.locator("#head .state")).to_have_text("failed", timeout=PATIENT_MS)
    expect(page.locator("#seq-263")).to_be_attached(timeout=PATIENT_MS)
    assert seqs(page) == list(range(1, 264)), "no gap, no double"
    at_event(page, 2)
    expect(page.locator("#range")).to_have_text("1 to 263 of 263")
    expect(page.locator("#seq-5 .when")).to_contain_text("took 1.30 s")
    assert page.evaluate(KEPT) == 1, "without a reload"


def test_a_lost_connection_is_said_and_nothing_is_lost(visit: Visit, owner: Client, complaints: list[str]) -> None:
    record(owner, many(3))
    page = visit(RUN)
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    page.route("**/agents/**", lambda route: route.abort())
    go_on(owner, many(2), 3)
    expect(page.locator("[data-live-state]")).to_contain_text("Not live since", timeout=PATIENT_MS)
    assert seqs(page) == [1, 2, 3]
    page.unroute("**/agents/**")
    go_on(owner, many(2), 5)
    expect(page.locator("#events > li")).to_have_count(7, timeout=PATIENT_MS)
    assert seqs(page) == [1, 2, 3, 4, 5, 6, 7]
    complaints.clear()


def test_a_stream_that_broke_goes_on_after_its_last_message(
    visit: Visit, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(owner, many(3))
    asked: list[int | None] = []
    message = 'retry: 50\nid: 2\nevent: event\ndata: {"session_id": "trace_1"}\n\n'

    def opened(source: Source, after: int | None) -> Response:
        asked.append(after)
        return open_stream(source, after) if len(asked) > 1 else Response(message, content_type="text/event-stream")

    monkeypatch.setattr("api.agent_streams.open_stream", opened)
    page = visit(RUN)
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    go_on(owner, many(2), 3)
    expect(page.locator("#events > li")).to_have_count(5, timeout=PATIENT_MS)
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    assert asked == [None, 2]
    assert seqs(page) == [1, 2, 3, 4, 5]


def test_a_new_run_and_another_state_show_on_an_open_list(visit: Visit, owner: Client) -> None:
    record(owner, many(1), "one", name="First")
    page = visit("/agents")
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    record(owner, many(1), "two", name="Second")
    expect(page.locator("#runs tbody tr")).to_have_count(2, timeout=PATIENT_MS)
    go_on(owner, [ends("failed")], 1, "one")
    row = page.get_by_role("row").filter(has_text="First")
    expect(row).to_contain_text("failed", timeout=PATIENT_MS)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 running and 1 failed", timeout=PATIENT_MS)
    assert page.evaluate(KEPT) == 1, "without a reload"


def test_of_a_very_long_run_that_is_followed_the_earliest_events_make_room(visit: Visit, owner: Client) -> None:
    record(owner, many(90))
    page = visit(RUN)
    for at in range(90, 1_140, 150):
        go_on(owner, many(150), at)
    expect(page.locator("#range")).to_have_text("141 to 1,140 of 1,140", timeout=PATIENT_MS)
    assert seqs(page) == list(range(141, 1_141))
    page.get_by_role("link", name="Earlier").click()
    at_event(page, 141)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE])
def test_it_is_read_without_scripts(visit: Visit, owner: Client, viewport: dict[str, int]) -> None:
    record(owner, [*LOOP[:-3], *many(200), ends("failed")])
    analyze(owner)
    page = visit("/agents?status=failed", java_script_enabled=False, viewport=viewport)
    page.get_by_role("link", name="Book a room").click()
    expect(page.get_by_text("no rooms free").first).to_be_visible()
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator("svg.track")).to_be_visible()
    page.get_by_role("link", name="Later").click()
    expect(page.locator("#range")).to_have_text("101 to 200 of 218")
    page.get_by_label("Event", exact=True).fill("150")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#seq-150")).to_be_in_viewport()
    page.get_by_role("link", name=f"Critical step: #{CRITICAL}").click()
    expect(page.locator(f"#seq-{CRITICAL}")).to_be_in_viewport()
    page.get_by_role("button", name="Analyze now").click()
    expect(page.get_by_text("It was analyzed just now")).to_be_visible()


def test_markup_in_what_comes_live_is_only_text(visit: Visit, owner: Client) -> None:
    record(owner, many(1), name=HOSTILE, agent=HOSTILE)
    page = visit(RUN)
    page.on("dialog", lambda dialog: pytest.fail(f"a script of theirs ran: {dialog.message}"))
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    hostile = [
        says(HOSTILE),
        ("tool_call", {"tool": HOSTILE, "arguments": {HOSTILE: HOSTILE}}),
        ("state", {HOSTILE: 1}),
    ]
    go_on(owner, hostile, 1)
    expect(page.locator("#events > li")).to_have_count(4, timeout=PATIENT_MS)
    expect(page.locator("#seq-2")).to_contain_text(HOSTILE)
    assert page.locator("main img, main script").count() == 0

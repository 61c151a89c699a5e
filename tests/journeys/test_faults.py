"""Whose fault an end is: what a page does is the site's, a browser that dies is ours, and both end in time."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from model.evidence import StepResult
from model.outcome import Outcome, RunStatus
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Asked, Site


def fails(outcome: Outcome, code: str, words: str) -> None:
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, code), outcome.error.message
    assert words in outcome.error.message


def is_ours(outcome: Outcome, code: str, words: str) -> None:
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.UNKNOWN, code), outcome.error.message
    assert words in outcome.error.message


def goto(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "goto", "url": url, **fields}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections and is held meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_site_that_is_not_there(walker: Walker, closed_port: int) -> None:
    fails(walker.walk(goto(f"http://127.0.0.1:{closed_port}/")), "connect_refused", "127.0.0.1 refused the connection")
    fails(walker.walk(goto("http://no-such-host.invalid/")), "dns_failure", "no-such-host.invalid")


def test_a_site_that_answers_with_an_error(walker: Walker, site: Site) -> None:
    site.page("/", "<h1>Broken</h1>", status=500)
    fails(walker.walk(goto(f"{site.url}/")), "step_failed", "/ answered 500 Internal Server Error")
    site.on("/empty", lambda _: Answer(status=503))
    fails(walker.walk(goto(f"{site.url}/empty")), "step_failed", "/empty answered 503 Service Unavailable")


def test_a_site_that_redirects_without_end(walker: Walker, site: Site) -> None:
    site.on("/", lambda _: Answer(status=302, headers=(("Location", "/"),)))
    fails(walker.walk(goto(f"{site.url}/")), "too_many_redirects", "it redirects without end")
    fails(walker.walk({"type": "request", "url": f"{site.url}/"}), "too_many_redirects", "more than 10 redirects")


def test_a_page_that_never_comes_ends_by_its_step_s_time_or_the_journey_s(walker: Walker, silent_port: int) -> None:
    url = f"http://127.0.0.1:{silent_port}/"
    words = "step 1 goto `{}`: the page did not finish loading within {} s"
    fails(walker.walk(goto(url, timeout=1)), "step_failed", words.format(url, 1))
    outcome = walker.walk(goto(url), timeout=4)
    # A machine that is slow enough is at fault itself, and then says so.
    if outcome.status is RunStatus.FAILED:
        fails(outcome, "journey_timeout", "the page did not finish loading")
    else:
        is_ours(outcome, "internal", "to get ready")


def test_a_download_is_refused_and_no_page(walker: Walker, site: Site) -> None:
    attachment = (("Content-Disposition", "attachment; filename=a.bin"),)
    site.on("/file", lambda _: Answer(b"x" * 1000, content_type="application/octet-stream", headers=attachment))
    fails(
        walker.walk(goto(f"{site.url}/file")), "step_failed", "/file is a download, not a page; downloads are refused"
    )
    site.page("/", "<a href=/file>get</a>")
    outcome = walker.walk(goto(f"{site.url}/"), {"type": "click", "selector": "a"}, {"type": "wait_for", "ms": 300})
    assert outcome.status is RunStatus.SUCCESS
    assert not [path for path in walker.folder.iterdir() if path.read_bytes() == b"x" * 1000]


def test_a_page_that_never_stops_talking_ends_in_time(walker: Walker, site: Site) -> None:
    """Alerts without end, a loop without end: the journey ends, and the browser goes on to the next."""
    alerts = site.page("/alerts", "<h1>x</h1><script>setTimeout(() => { for (;;) alert('again') }, 50)</script>")
    outcome = walker.walk(
        goto(alerts), {"type": "click", "selector": "h1"}, {"type": "click", "selector": "h1"}, timeout=6
    )
    assert outcome.error is not None
    spin = site.page("/spin", "<h1>x</h1><script>onload = () => setTimeout(() => { for (;;); }, 500)</script>")
    outcome = walker.walk(goto(spin), {"type": "expect_visible", "selector": "h2", "timeout": 2}, timeout=12)
    fails(outcome, "step_failed", "step 2 expect_visible `h2`: ")
    calm = site.page("/", "<h1>calm</h1>")
    assert walker.walk(goto(calm), {"type": "expect_visible", "selector": "h1"}).status is RunStatus.SUCCESS


def test_dialogs_are_dismissed_and_told(walker: Walker, site: Site) -> None:
    url = site.page("/", "<h1></h1><script>document.querySelector('h1').textContent = confirm('Sure?')</script>")
    outcome = walker.walk(goto(url), {"type": "expect_text", "selector": "h1", "value": "false"})
    assert outcome.status is RunStatus.SUCCESS
    assert entries(walker, outcome, "dialog") == ["confirm dismissed: Sure?"]


def test_a_page_that_opens_is_followed_and_a_storm_of_them_is_bounded(walker: Walker, site: Site) -> None:
    site.page("/new", "<h1>New</h1><button onclick='window.close()'>close</button>")
    url = site.page("/", "<h1>Old</h1><a href=/new target=_blank>open</a>")
    outcome = walker.walk(
        goto(url),
        {"type": "click", "selector": "a"},
        {"type": "expect_text", "selector": "h1", "value": "New"},
        {"type": "click", "selector": "button"},
        {"type": "expect_text", "selector": "h1", "value": "Old"},
    )
    assert outcome.error is None
    storm = site.page("/storm", "<h1>x</h1><script>onclick = () => { for (i = 0; i < 12; i++) open('/new') }</script>")
    outcome = walker.walk(goto(storm), {"type": "click", "selector": "h1", "timeout": 50})
    assert outcome.status is RunStatus.SUCCESS
    assert len(entries(walker, outcome, "popup")) >= 7


@pytest.mark.parametrize("step", [{"type": "click"}, {"type": "press", "key": "Enter"}], ids=["click", "press"])
def test_a_step_that_closes_its_page_has_done_its_work(walker: Walker, site: Site, step: dict[str, Any]) -> None:
    closing = {"click": "onmousedown", "press": "onkeydown"}[step["type"]]  # before Playwright is done
    site.page("/new", f"<h1>New</h1><button {closing}='window.close()'>close</button>")
    url = site.page("/", "<h1>Old</h1><a href=/new target=_blank>open</a>")
    outcome = walker.walk(
        goto(url),
        {"type": "click", "selector": "a"},
        {"selector": "button", **step},
        {"type": "expect_text", "selector": "h1", "value": "Old"},
    )
    assert outcome.error is None


def test_a_page_that_closes_before_the_step_has_acted_fails_it(walker: Walker, site: Site) -> None:
    site.page("/new", "<h1>New</h1><script>setTimeout(() => window.close(), 500)</script>")
    url = site.page("/", "<h1>Old</h1><a href=/new target=_blank>open</a>")
    outcome = walker.walk(
        goto(url), {"type": "click", "selector": "a"}, {"type": "click", "selector": "button", "timeout": 5}
    )
    assert outcome.error is not None
    assert "the page closed" in outcome.error.message


def test_a_page_that_closes_itself_is_its_own_fault(walker: Walker, site: Site) -> None:
    url = site.page("/", "<script>onclick = () => { open('about:blank', '_self'); close() }</script><h1>x</h1>")
    outcome = walker.walk(
        goto(url), {"type": "click", "selector": "h1"}, {"type": "expect_visible", "selector": "h1", "timeout": 2}
    )
    assert outcome.status is RunStatus.FAILED


def test_what_pages_complain_of_is_kept(walker: Walker, site: Site, closed_port: int) -> None:
    url = site.page(
        "/",
        f"<img src=http://127.0.0.1:{closed_port}/x.png><script>console.error('out of stock');"
        "setTimeout(() => nothing.here(), 0)</script>",
    )
    outcome = walker.walk(goto(url), {"type": "wait_for", "ms": 300})
    assert "out of stock" in entries(walker, outcome, "console")
    assert entries(walker, outcome, "exception") == ["nothing is not defined"]
    assert len(entries(walker, outcome, "request_failed")) == 1
    (error,) = [entry for entry in console(walker, outcome) if entry["text"] == "out of stock"]
    assert (error["level"], error["step"], error["url"], error["line"]) == ("error", 0, url, 1)


def test_a_name_that_nothing_defines_is_ours_and_told(walker: Walker, site: Site) -> None:
    url = site.page("/", "<input>")
    outcome = walker.walk(goto(url), {"type": "fill", "selector": "input", "value": "{{NOPE}}"})
    is_ours(outcome, "internal", "step 2 fill `input`: {{NOPE}} is used, but no variable of that name is defined")


def test_a_site_that_was_never_opened_is_never_down(walker: Walker) -> None:
    is_ours(
        walker.walk(goto("{{SITE}}/"), variables={"SITE": "javascript:alert(1)"}), "internal", "must begin with http"
    )
    outcome = walker.walk({"type": "wait_for", "ms": 60_000}, goto("http://127.0.0.1/"), timeout=3)
    assert outcome.status is RunStatus.UNKNOWN


def test_a_full_disk_costs_evidence_and_no_verdict(walker: Walker, site: Site) -> None:
    url = site.page("/", "<h1>x</h1>")
    walker.folder = Path("/dev/full")
    outcome = walker.walk(goto(url))
    assert (outcome.status, outcome.artifacts) == (RunStatus.SUCCESS, ())


def test_a_page_killed_in_the_middle_is_ours_and_the_next_run_passes(walker: Walker, site: Site) -> None:
    outcome = _while_waiting(walker, site, lambda: _kill("--type=renderer"))
    is_ours(outcome, "browser_crashed", "step 2 wait_for `#never`: the browser crashed")
    assert walker.walk(goto(site.page("/", "<h1>x</h1>"))).status is RunStatus.SUCCESS


def test_a_page_killed_while_the_next_one_loads_is_ours(walker: Walker, site: Site) -> None:
    asked, go = threading.Event(), threading.Event()

    def slow(_: Asked) -> Answer:
        asked.set()
        go.wait(10)
        return Answer(b"late")

    site.on("/slow", slow)
    url = site.page("/", "<h1>x</h1>")
    walking = walker.begin(goto(url), goto("/slow"), base_url=url)
    assert asked.wait(20)
    _kill("--type=renderer")
    outcome = walking.result(30)
    go.set()
    is_ours(outcome, "browser_crashed", "the browser crashed")


def test_a_browser_killed_in_the_middle_is_ours_and_the_next_run_starts_another(walker: Walker, site: Site) -> None:
    outcome = _while_waiting(walker, site, lambda: _kill("--remote-debugging-pipe"))
    is_ours(outcome, "browser_crashed", "the browser crashed")
    assert outcome.steps[0].status == "success"
    assert walker.walk(goto(site.page("/", "<h1>x</h1>"))).status is RunStatus.SUCCESS


def test_a_driver_killed_in_the_middle_is_ours_and_the_next_run_starts_another(walker: Walker, site: Site) -> None:
    outcome = _while_waiting(walker, site, lambda: _kill("run-driver"))
    is_ours(outcome, "browser_crashed", "the browser crashed")
    assert walker.walk(goto(site.page("/", "<h1>x</h1>"))).status is RunStatus.SUCCESS


def test_a_run_receives_only_so_much(walker: Walker, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egress.proxy.MAX_RECEIVED", 200_000)
    site.on("/big", lambda _: Answer(b"x" * 5_000_000, content_type="text/plain"))
    url = site.page("/", "<h1>x</h1><script>fetch('/big').then(r => r.text()).catch(() => {})</script>")
    outcome = walker.walk(goto(url), {"type": "wait_for", "ms": 500})
    assert outcome.status is RunStatus.SUCCESS
    assert entries(walker, outcome, "request_failed")


def console(walker: Walker, outcome: Outcome) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = msgspec.json.decode(walker.artifact(outcome, "console"))
    return entries


def entries(walker: Walker, outcome: Outcome, kind: str) -> list[str]:
    """What the console artifact holds of one kind."""
    return [entry["text"] for entry in console(walker, outcome) if entry["kind"] == kind]


def _while_waiting(walker: Walker, site: Site, act: Any) -> Outcome:
    """The outcome of a journey whose page was open when `act` was done."""
    opened = threading.Event()

    def told(step: StepResult) -> None:
        if step.index == 0:
            opened.set()

    url = site.page("/wait", "<h1>x</h1>")
    walking = walker.begin(goto(url), {"type": "wait_for", "selector": "#never"}, report=told)
    assert opened.wait(60)
    act()
    return walking.result(60)


def _kill(mark: str) -> None:
    """SIGKILL to the processes below this one whose command line holds the mark."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue

    def ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    found = [pid for pid, command in commands.items() if mark in command and ours(pid) and pid != os.getpid()]
    assert found
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def test_an_address_that_is_named_by_the_failure_is_named_once(walker: Walker, site: Site) -> None:
    site.page("/gone", "no", status=503)
    outcome = walker.walk(goto(f"{site.url}/gone"))
    assert outcome.error is not None
    assert outcome.error.message == f"step 1 goto: {site.url}/gone answered 503 Service Unavailable"

"""What a failed step says beside what it met: what else the page did that may be the reason, and whose fault it is."""

from __future__ import annotations

import threading

from model.outcome import Outcome, RunStatus
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Asked, Site
from tests.journeys.test_faults import entries, goto


def message(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error.message


def test_an_error_that_a_form_was_answered_with_is_named(walker: Walker, site: Site) -> None:
    site.on("/login", lambda _: Answer("<h1>Sorry</h1>", status=500))
    url = site.page("/", "<form action=/login><button>go</button></form>")
    welcome = {"type": "expect_visible", "selector": "#welcome", "timeout": 1}
    outcome = walker.walk(goto(url), {"type": "click", "selector": "button"}, welcome)
    assert message(outcome).endswith(f"no element fits within 1 s; {site.url}/login answered 500 Internal Server Error")


def test_a_frame_that_is_missing_is_not_called_a_missing_element(walker: Walker, site: Site) -> None:
    url = site.page("/", "<iframe id=a srcdoc='<p>x</p>'></iframe>")
    click = {"type": "click", "selector": "button", "timeout": 1}
    assert message(walker.walk(goto(url), {**click, "frame": "#nope"})).endswith("no frame fits `#nope` within 1 s")
    inner = walker.walk(goto(url), {**click, "frame": "#a >>> #nope"})
    assert message(inner).endswith("no frame fits `#nope` within 1 s")
    assert message(walker.walk(goto(url), {**click, "frame": "#a"})).endswith("no element fits within 1 s")


def test_a_question_that_was_dismissed_is_told_with_what_failed_after_it(walker: Walker, site: Site) -> None:
    url = site.page("/", "<button onclick=\"this.textContent = confirm('Sure?') ? 'done' : 'kept'\">x</button>")
    done = {"type": "expect_text", "selector": "button", "value": "done", "timeout": 1}
    outcome = walker.walk(goto(url), {"type": "click", "selector": "button"}, done)
    assert message(outcome).endswith("the page's confirm 'Sure?' was dismissed")


def test_a_value_of_the_journeys_own_that_can_not_be_used_is_not_the_sites_fault(walker: Walker, site: Site) -> None:
    url = site.page("/", "<a>javascript:alert(1)</a>")
    own = walker.walk(goto(url), goto("{{U}}"), variables={"U": "javascript:alert(1)"})
    assert own.status is RunStatus.UNKNOWN
    extract = {"type": "extract", "selector": "a", "variable": "U"}
    assert walker.walk(goto(url), extract, goto("{{U}}")).status is RunStatus.FAILED


def test_a_part_of_a_page_that_tracer_refused_is_told_as_that(walker: Walker, site: Site) -> None:
    url = site.page("/", "<img src=http://10.1.2.3/x.png>")
    outcome = walker.walk(goto(url))
    [failed] = entries(walker, outcome, "request_failed")
    assert "10.1.2.3 is not a public address" in failed


def test_a_journey_that_runs_out_of_time_names_its_own_limit(walker: Walker, site: Site) -> None:
    url = site.page("/", "<h1>x</h1>")
    waits = {"type": "expect_visible", "selector": "#never", "timeout": 60}
    walker.walk(goto(url))  # The browser is there from now on: what starting it takes is no time of the site's.
    outcome = walker.walk(goto(url), waits, timeout=8)
    # A machine that is slow enough is at fault itself, and then says so.
    words = "no element fits before the journey's 60 s were over" if outcome.status is RunStatus.FAILED else "get ready"
    assert words in message(outcome)


def test_a_journey_that_ends_on_a_page_that_never_comes_has_a_picture(walker: Walker, site: Site) -> None:
    go = threading.Event()

    def hang(_: Asked) -> Answer:
        go.wait(20)
        return Answer("late")

    site.on("/hang", hang)
    outcome = walker.walk(goto(site.page("/", "<h1>x</h1>")), goto("/hang", timeout=2), base_url=site.url)
    go.set()
    assert outcome.error is not None
    assert "screenshot" in {artifact.type for artifact in outcome.artifacts}

"""What tells a site of the run, and who else hears of it: nobody, and nothing that other origins serve breaks of it."""

from __future__ import annotations

import pytest

from model.outcome import Outcome
from model.traceparent import trace_id_of
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Asked, Site

_ANYBODY = (("Access-Control-Allow-Origin", "*"),)


def _trace_of(asked: Asked) -> str | None:
    value = asked.headers.get("Traceparent")
    return None if value is None else value.split("-")[1]


def _of(site: Site, path: str) -> list[Asked]:
    return [asked for asked in site.asked if asked.path.partition("?")[0] == path]


def _passed(outcome: Outcome) -> None:
    assert outcome.error is None, outcome.error


def test_pages_and_what_their_scripts_ask_for_tell_of_the_run(walker: Walker, site: Site) -> None:
    site.on("/data", lambda _: Answer("{}", content_type="application/json"))
    page = "<p id=o></p><script>fetch('/data', {method: 'POST', body: 'x'}).then(() => o.textContent = 'ok')</script>"
    url = site.page("/", page)
    _passed(
        walker.walk({"type": "goto", "url": url}, {"type": "expect_text", "selector": "#o", "value": "ok"},
                    {"type": "request", "url": "/data"})
    )  # fmt: skip
    told = [*_of(site, "/"), *_of(site, "/data")]
    assert [asked.method for asked in told] == ["GET", "POST", "GET"]
    assert {_trace_of(asked) for asked in told} == {trace_id_of("run_1")}
    assert {asked.headers.get("X-Tracer-Run") for asked in told} == {"run_1"}
    assert len({asked.headers["Traceparent"] for asked in told}) == 3, "each request is a span of its own"
    assert _of(site, "/data")[0].body == b"x"


def test_other_origins_are_asked_as_if_nobody_watched(walker: Walker, site: Site, other_site: Site) -> None:
    """A header more, and a browser asks their leave first: fonts, maps and payments would break for no fault of a
    site."""
    other_site.on("/x", lambda asked: Answer("", 405) if asked.method == "OPTIONS" else Answer("{}", headers=_ANYBODY))
    page = f"<p id=o></p><script>fetch('{other_site.url}/x').then(() => o.textContent = 'ok')</script>"
    url = site.page("/", page)
    _passed(walker.walk({"type": "goto", "url": url}, {"type": "expect_text", "selector": "#o", "value": "ok"}))
    (asked,) = _of(other_site, "/x")
    assert asked.method == "GET", "no leave was asked for"
    assert _trace_of(asked) is None
    assert "X-Tracer-Run" not in asked.headers


def test_an_origin_that_a_step_names_is_told_without_being_asked_for_leave(
    walker: Walker, site: Site, other_site: Site
) -> None:
    other_site.on("/x", lambda asked: Answer("", 405) if asked.method == "OPTIONS" else Answer("{}", headers=_ANYBODY))
    page = f"<p id=o></p><script>fetch('{other_site.url}/x').then(() => o.textContent = 'ok')</script>"
    url = site.page("/", page)
    _passed(
        walker.walk({"type": "goto", "url": url}, {"type": "expect_text", "selector": "#o", "value": "ok"},
                    {"type": "request", "url": other_site.url + "/x"})
    )  # fmt: skip
    assert [(asked.method, _trace_of(asked)) for asked in _of(other_site, "/x")] == [("GET", trace_id_of("run_1"))] * 2


def test_where_a_redirect_or_a_click_leads_is_told_too(walker: Walker, site: Site, other_site: Site) -> None:
    other_site.on("/data", lambda _: Answer("{}"))
    script = "<script>fetch('/data').then(() => document.title = 'Ready')</script>"
    there = other_site.page("/there", script)
    url = site.on("/", lambda _: Answer("", 302, headers=(("Location", there),)))
    _passed(walker.walk({"type": "goto", "url": url}, {"type": "expect_title", "value": "Ready"}))
    told = [*_of(other_site, "/there"), *_of(other_site, "/data")]
    assert {_trace_of(asked) for asked in told} == {trace_id_of("run_1")}


def test_a_frame_of_another_origin_is_not_told(walker: Walker, site: Site, other_site: Site) -> None:
    frame = other_site.page("/frame", "<p>an advertisement</p>")
    url = site.page("/", f"<iframe src='{frame}'></iframe>")
    _passed(
        walker.walk({"type": "goto", "url": url},
                    {"type": "expect_text", "selector": "p", "frame": "iframe", "value": "an advertisement"})
    )  # fmt: skip
    assert [_trace_of(asked) for asked in _of(other_site, "/frame")] == [None]


def test_the_switch_turns_it_off(walker: Walker, site: Site) -> None:
    url = site.page("/", "<h1>Hello</h1>")
    _passed(walker.walk({"type": "goto", "url": url}, {"type": "request", "url": "/"}, traceparent=False))
    assert {_trace_of(asked) for asked in _of(site, "/")} == {None}
    assert {asked.headers.get("X-Tracer-Run") for asked in _of(site, "/")} == {"run_1"}


OWN = "00-11111111111111111111111111111111-2222222222222222-00"


@pytest.mark.parametrize("name", ["traceparent", "TraceParent"])
def test_a_traceparent_of_the_journey_itself_is_sent_as_it_is(walker: Walker, site: Site, name: str) -> None:
    url = site.page("/", "<h1>Hello</h1>")
    _passed(walker.walk({"type": "goto", "url": url}, {"type": "request", "url": "/"}, extra_headers={name: OWN}))
    assert [asked.headers.get("Traceparent") for asked in _of(site, "/")] == [OWN, OWN]


def test_a_traceparent_that_a_page_sends_is_left_alone(walker: Walker, site: Site) -> None:
    """The site's own instrumentation knows better."""
    site.on("/data", lambda _: Answer("{}"))
    script = f"fetch('/data', {{headers: {{traceparent: '{OWN}'}}}}).then(() => document.title = 'Ready')"
    url = site.page("/", f"<script>{script}</script>")
    _passed(walker.walk({"type": "goto", "url": url}, {"type": "expect_title", "value": "Ready"}))
    assert [asked.headers.get("Traceparent") for asked in _of(site, "/data")] == [OWN]

"""A journey from its first step to its verdict, in a real browser, on a real site."""

from __future__ import annotations

import io
import zipfile

import msgspec
import pytest

from journeys import run
from journeys.evidence import screenshots
from journeys.walk import Walk
from model.evidence import StepResult
from model.outcome import RunStatus
from model.protocol import RunOverrides
from tests.journeys.conftest import Walker
from tests.journeys.site import Answer, Asked, Site

LOGIN = """<form method=post action=/in><input id=email name=email><input id=password name=password type=password>
<button type=submit>Log in</button></form>"""


def login_site(site: Site) -> list[dict[str, object]]:
    """The five steps of the public reference, against this site."""

    def check(asked: Asked) -> Answer:
        good = b"password=test123" in asked.body
        return Answer(status=303, headers=(("Location", "/dashboard" if good else "/login"),))

    site.page("/login", LOGIN)
    site.on("/in", check)
    site.page("/dashboard", "<div class=dashboard>Welcome</div>")
    return [
        {"type": "goto", "url": f"{site.url}/login"},
        {"type": "fill", "selector": "#email", "value": "me@example.com"},
        {"type": "fill", "selector": "#password", "value": "{{PASSWORD}}"},
        {"type": "click", "selector": "button[type='submit']"},
        {"type": "expect_visible", "selector": ".dashboard"},
    ]


def test_the_login_of_the_public_reference_passes_and_leaves_evidence(walker: Walker, site: Site) -> None:
    told: list[StepResult] = []
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"}, report=told.append)
    assert outcome.error is None
    assert outcome.status is RunStatus.SUCCESS
    assert [(step.index, step.type, step.status) for step in outcome.steps] == [
        (0, "goto", "success"), (1, "fill", "success"), (2, "fill", "success"), (3, "click", "success"),
        (4, "expect_visible", "success"),
    ]  # fmt: skip
    assert tuple(told) == outcome.steps, "each step is told as it ends"
    assert all(step.duration_ms is not None and step.duration_ms > 0 for step in outcome.steps)
    assert sorted(evidence.type for evidence in outcome.artifacts) == ["console", "har", "screenshot", "trace"]
    assert site.paths() == ["/login", "/in", "/dashboard"]
    assert outcome.response is not None
    assert (outcome.response["status_code"], outcome.response["remote_ip"]) == (200, "127.0.0.1")


def test_a_run_that_somebody_waits_for_keeps_a_picture_of_each_step(
    walker: Walker, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a busy machine takes for one."""
    monkeypatch.setattr(run, "_PASSING_S", 60.0)
    asked = RunOverrides(picture_of_each_step=True)
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"}, overrides=asked)
    assert outcome.status is RunStatus.SUCCESS
    pictures = {evidence.sha256 for evidence in outcome.artifacts if evidence.type == "screenshot"}
    assert {step.screenshot for step in outcome.steps} == pictures
    assert outcome.steps[0].screenshot != outcome.steps[4].screenshot, "the page as it was then"
    assert all(walker.bytes_of(evidence) for evidence in outcome.artifacts)


def test_a_page_that_can_t_be_pictured_costs_a_run_one_short_look(
    walker: Walker, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its time for its steps."""
    looks: list[float] = []

    async def nothing(_: Walk, timeout_s: float) -> bytes:
        looks.append(timeout_s)
        raise TimeoutError

    monkeypatch.setattr(screenshots, "picture", nothing)
    asked = RunOverrides(picture_of_each_step=True)
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"}, overrides=asked)
    assert outcome.status is RunStatus.SUCCESS
    at_the_first, at_the_end = looks
    assert at_the_first <= 1 < at_the_end


def test_a_run_measures_the_page_it_ends_on(walker: Walker, site: Site) -> None:
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"})
    assert outcome.metrics.ttfb_ms is not None
    assert outcome.metrics.ttfb_ms > 0
    assert outcome.page is not None
    assert outcome.page.load_ms is not None
    assert outcome.page.load_ms >= outcome.metrics.ttfb_ms
    assert outcome.page.cls == 0
    steps_ms = sum(step.duration_ms or 0 for step in outcome.steps)
    assert outcome.duration_ms is not None
    assert outcome.duration_ms >= steps_ms


def test_every_file_is_named_by_its_content_and_is_what_it_says(walker: Walker, site: Site) -> None:
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"})
    files = {path.name: path.read_bytes() for path in walker.folder.iterdir()}
    assert {evidence.sha256: evidence.size_bytes for evidence in outcome.artifacts} == {
        name: len(data) for name, data in files.items()
    }
    assert walker.artifact(outcome, "screenshot").startswith(b"\xff\xd8\xff"), "a JPEG"
    assert outcome.steps[-1].screenshot in files


def test_the_trace_is_one_that_playwright_s_viewer_opens(walker: Walker, site: Site) -> None:
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"})
    with zipfile.ZipFile(io.BytesIO(walker.artifact(outcome, "trace"))) as trace:
        names = trace.namelist()
        assert {"trace.trace", "trace.network"} <= set(names)
        assert any(name.startswith("resources/") and name.endswith(".html") for name in names)
        lines = [msgspec.json.decode(line) for line in trace.read("trace.trace").splitlines()]
        network = [msgspec.json.decode(line) for line in trace.read("trace.network").splitlines()]
    assert lines[0]["type"] == "context-options"
    groups = [line["title"] for line in lines if line["type"] == "before" and line["method"] == "tracingGroup"]
    assert groups[2] == "3. fill `#password`", "steps are shown as they were written"
    kept = {line["snapshot"]["response"]["content"].get("_file") for line in network} - {None}
    assert kept <= set(names), "every body that is named is there"


def test_the_archive_lists_the_requests_with_their_statuses(walker: Walker, site: Site) -> None:
    outcome = walker.walk(*login_site(site), variables={"PASSWORD": "test123"})
    archive = msgspec.json.decode(walker.artifact(outcome, "har"))
    entries = [
        (entry["request"]["method"], entry["request"]["url"].removeprefix(site.url), entry["response"]["status"])
        for entry in archive["log"]["entries"]
        if "favicon" not in entry["request"]["url"]
    ]
    assert entries == [("GET", "/login", 200), ("POST", "/in", 303), ("GET", "/dashboard", 200)]
    assert archive["log"]["version"] == "1.2"


def test_a_blocked_click_names_what_covers_the_element(walker: Walker, site: Site) -> None:
    url = site.page(
        "/", f"{LOGIN}<div id=cookie-banner style='position:fixed;inset:0;background:#fff8'><p>We use cookies</p></div>"
    )
    outcome = walker.walk(
        {"type": "goto", "url": url},
        {"type": "click", "selector": "button[type=submit]", "timeout": 2},
        {"type": "expect_visible", "selector": ".dashboard"},
    )
    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.code == "step_failed"
    assert outcome.error.message == "step 2 click `button[type=submit]`: element is covered by `#cookie-banner`"
    assert [step.status for step in outcome.steps] == ["success", "failed", "skipped"]
    assert outcome.steps[1].error == "element is covered by `#cookie-banner`"
    (screenshot,) = [evidence for evidence in outcome.artifacts if evidence.type == "screenshot"]
    assert (screenshot.step_index, screenshot.sha256) == (1, outcome.steps[1].screenshot)

"""A trace in Playwright's viewer, in a real browser: it is shown, and what it holds is nobody in Tracer's house."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from model.evidence import StepResult
from model.settings import Settings
from store.sessions import Database
from tests.api.conftest import Client
from tests.api.journeys import make
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.test_journey_run_page import Studio
from tests.conftest import Clock
from tests.system.processes import free_port

HOSTILE = """<title>Shop</title><h1>Shop</h1><script>run = () => parent.document.title = "taken"</script>
<img src=x onerror="run()"><iframe srcdoc="<script>top.document.title = 'taken'</script>"></iframe>
<svg onload="run()"></svg><a href="javascript:run()">Buy</a><button onclick="run()">Pay</button>"""

DRAWN = """
[...document.querySelectorAll("iframe")].some(frame => frame.contentDocument?.querySelector("h1")?.innerText === "Shop")
"""
READ = """
url => fetch(url, {credentials: "include"}).then(answer => answer.text()).catch(() => "")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=free_port())


@pytest.fixture
def run_id(
    owner: Client, database: Database, settings: Settings, organization: str, clock: Clock, _chromium: Browser,
    tmp_path: Path,
) -> str:  # fmt: skip
    """One whose trace shows a page that tries what it can."""
    made = make(owner, name="Purchase", locations=["local"])
    context = _chromium.new_context()
    context.tracing.start(snapshots=True, screenshots=True)
    page = context.new_page()
    page.set_content(HOSTILE)
    page.get_by_role("button", name="Pay").click()
    context.tracing.stop(path=tmp_path / "trace.zip")
    context.close()
    studio = Studio(database, settings, organization, made["id"])
    kept = studio.keep("trace", (tmp_path / "trace.zip").read_bytes())
    return studio.run(clock.now_ms, (StepResult(0, "goto", "success", duration_ms=1.0),), kept)


def opened(page: Page) -> Page:
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open the trace").click()
    return popup.value


def test_it_opens_in_the_viewer_which_is_nobody_here(visit: Visit, run_id: str, settings: Settings) -> None:
    viewer = opened(visit(f"/runs/{run_id}"))
    viewer.get_by_text("Click").first.click()
    viewer.wait_for_function(DRAWN)
    assert viewer.evaluate("location.hostname") == "traces.localhost"
    assert viewer.evaluate("document.cookie") == ""
    assert viewer.context.cookies("http://traces.localhost/") == []
    assert viewer.title() == "Playwright Trace Viewer", "nothing in the trace has run"
    said = viewer.evaluate(READ, f"http://127.0.0.1:{settings.port}/v1/monitors")
    assert said == "", "its worker answers in place of the network, and has no such page"


def test_a_trace_from_elsewhere_is_not_even_asked_for(visit: Visit, run_id: str, settings: Settings) -> None:
    page = visit(f"/runs/{run_id}")
    asked: list[str] = []
    stranger = page.context.new_page()
    stranger.context.on("request", lambda request: asked.append(_host(request)))
    stranger.goto(f"http://traces.localhost:{settings.port}/?trace=http%3A%2F%2Fevil.example%2Ftrace.zip")
    expect(stranger.locator("body")).to_contain_text("Could not load trace")
    assert "evil.example" not in asked


def _host(request: Request) -> str:
    return request.url.split("/")[2]

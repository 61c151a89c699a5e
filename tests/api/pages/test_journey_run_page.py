"""/runs/:id of a journey: its steps, their pictures, what differs from the last good run; and its alert's page."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from model.evidence import Evidence, PageFigures, StepResult
from model.outcome import RunError, RunStatus
from model.settings import Settings
from store.artifact_files import ArtifactFiles
from store.artifact_quota import ArtifactQuota
from store.sessions import Database
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.journeys import make
from tests.api.pages.world import MINUTE_MS, Browser, add_alert
from tests.api.test_runs import finish
from tests.conftest import Clock

STEPS = [
    {"type": "goto", "url": "https://shop.example.com/login"},
    {"type": "fill", "selector": "#email", "value": "ann@example.com", "name": "E-mail"},
    {"type": "click", "selector": "button[type=submit]"},
    {"type": "expect_visible", "selector": ".dashboard"},
]
CAUSE = "step 3 click `button[type=submit]`: element is covered by `#cookie-<b>banner`"
SHOWN = CAUSE.replace("`", "")
"""As a page has it: what stands between backticks is code."""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", public_url=PUBLIC_URL)


class Studio:
    """Stores files and the runs that show them."""

    def __init__(self, database: Database, settings: Settings, organization: str, journey_id: str) -> None:
        self.database, self.organization, self.journey_id = database, organization, journey_id
        self.files = ArtifactFiles(settings.data_dir)
        self.quota = ArtifactQuota(database, settings, self.files)

    def keep(self, kind: Any, content: bytes, step: int | None = None) -> Evidence:
        incoming = self.files.receive()
        incoming.write(content)
        digest = incoming.finish()
        self.quota.add(self.organization, digest, incoming)
        media = {"screenshot": "image/png", "trace": "application/zip"}.get(kind, "application/json")
        return Evidence(kind, digest, media, len(content), step)

    def har(self, **statuses: int) -> Evidence:
        """Answers with these statuses, each with a query of its own."""
        entries = [
            {
                "request": {"method": "GET", "url": f"https://shop.example.com/{name}?t={status}"},
                "response": {"status": status},
            }
            for name, status in statuses.items()
        ]
        return self.keep("har", msgspec.json.encode({"log": {"version": "1.2", "entries": entries}}))

    def console(self, *errors: str) -> Evidence:
        entries = [{"at": "x", "kind": "console", "text": text, "level": "error"} for text in errors]
        entries.append({"at": "x", "kind": "console", "text": "only said", "level": "log"})
        return self.keep("console", msgspec.json.encode(entries))

    def run(self, at_ms: int, steps: tuple[StepResult, ...], *artifacts: Evidence, failed: bool = False) -> str:
        page = PageFigures(load_ms=820.4, lcp_ms=610.0, cls=0.0214)
        facts: dict[str, Any] = {"steps": steps, "artifacts": artifacts, "location": "local", "page": page}
        if failed:
            facts |= {"status": RunStatus.FAILED, "error": RunError("step_failed", CAUSE)}
        return finish(self.database, self.organization, self.journey_id, at_ms, **facts).run_id


@pytest.fixture
def journey(owner: Client) -> Any:
    return make(owner, name="Log in", steps=STEPS, locations=["local"])


@pytest.fixture
def studio(database: Database, settings: Settings, organization: str, journey: Any) -> Studio:
    return Studio(database, settings, organization, journey["id"])


def fell(studio: Studio, clock: Clock) -> str:
    """A good run, then one that fails at the third step."""
    picture = studio.keep("screenshot", PNG + b"good", 3)
    good = tuple(StepResult(index, step["type"], "success", duration_ms=100.0) for index, step in enumerate(STEPS))
    studio.run(
        clock.now_ms, good, picture, studio.har(login=200, cart=200, other=200), studio.console("known"),
    )  # fmt: skip
    clock.advance(MINUTE_MS)
    shot = studio.keep("screenshot", PNG + b"failed", 2)
    steps = (
        StepResult(0, "goto", "success", duration_ms=650.0),
        StepResult(1, "fill", "success", name="E-mail", duration_ms=105.0),
        StepResult(2, "click", "failed", duration_ms=5000.0, error="covered by <b>it</b>", screenshot=shot.sha256),
        StepResult(3, "expect_visible", "skipped"),
    )
    trace = studio.keep("trace", b"PK" + b"x" * 1_500_000)
    return studio.run(
        clock.now_ms, steps, shot, trace, studio.har(login=200, cart=500, new=404),
        studio.console("known", "TypeError: cart is undefined"), failed=True,
    )  # fmt: skip


def test_the_steps_are_told_in_order_with_pictures_and_files(
    signed_in: Browser, owner: Client, studio: Studio, clock: Clock
) -> None:
    run_id = fell(studio, clock)
    seen = signed_in.get(f"/runs/{run_id}")
    parts = (
        "Log in failed from local", SHOWN, "Steps", "1. goto https://shop.example.com/login passed · 650 ms",
        "2. E-mail fill #email passed · 105 ms", "3. click button[type=submit] failed · 5.00 s", "covered by <b>it</b>",
        "4. expect visible .dashboard skipped",
        "The last page: first byte 190 ms, largest paint 610 ms, loaded 820 ms, layout shift 0.021.", "Trace 1.5 MB",
    )  # fmt: skip
    places = [seen.text.index(part) for part in parts]
    assert places == sorted(places)
    ids = {row["type"]: row["id"] for row in owner.data("GET", f"/v1/runs/{run_id}/artifacts")}
    assert [image["src"] for image in seen.all("img") if "/artifacts/" in (image["src"] or "")] == [
        f"/artifacts/{ids['screenshot']}"
    ]  # fmt: skip
    links = [anchor.get("href") for anchor in seen.all("a")]
    assert {f"/artifacts/{ids[kind]}" for kind in ("screenshot", "trace", "har", "console")} <= set(links)


def test_the_picture_of_the_step_that_failed_is_not_behind_a_row_of_empty_frames(
    signed_in: Browser, studio: Studio, clock: Clock
) -> None:
    page = signed_in.answer(f"/runs/{fell(studio, clock)}").get_data(as_text=True)
    film = page.split('<ol class="film"')[1].split("<h2")[0]
    frames = re.findall(r'<li class="(\w+(?: \w+)?)">', film)
    assert frames == ["up several", "down shown", "unknown"], "steps 1 and 2 share one"
    several = film.split("several")[1].split("</ol>")[0]
    assert all(part in several for part in ("1. goto", "2. E-mail", "105 ms"))


def test_what_changed_names_the_first_other_step_answers_new_errors_and_the_slowest(
    signed_in: Browser, studio: Studio, clock: Clock
) -> None:
    text = signed_in.get(f"/runs/{fell(studio, clock)}").text.split("What changed since the last good run here")[1]
    changed = text.split("Steps")[0]
    for part in (
        "step 3 click success click failed", "step 1, goto 100 ms 650 ms",
        "GET https://shop.example.com/cart 200 OK 500 Internal Server Error", "console not there TypeError",
    ):  # fmt: skip
        assert part in changed, changed
    for part in ("known", "only said", "/login", "/new", "/other"):
        assert part not in changed


def test_what_is_wrong_is_red_and_what_only_took_longer_is_not(
    signed_in: Browser, studio: Studio, clock: Clock
) -> None:
    page = signed_in.answer(f"/runs/{fell(studio, clock)}").get_data(as_text=True)
    table = page.split('<table class="diff">')[1].split("</table>")[0]
    red = {row.split('scope="row">')[1].split("<")[0]: 'class="mono new"' in row for row in table.split("<tr>")[2:]}
    assert red == {
        "step 3": True, "step 1, goto": False, "GET https://shop.example.com/cart": True, "console": True,
        **{what: False for what in red if what not in ("step 3", "GET https://shop.example.com/cart", "console")},
    }  # fmt: skip


def test_a_picture_opens_for_whoever_is_signed_in(
    signed_in: Browser, owner: Client, studio: Studio, clock: Clock
) -> None:
    run_id = fell(studio, clock)
    shot = next(row for row in owner.data("GET", f"/v1/runs/{run_id}/artifacts") if row["type"] == "screenshot")
    answer = signed_in.answer(f"/artifacts/{shot['id']}", status=302)
    with signed_in.answer(answer.headers["Location"]) as opened:
        assert hashlib.sha256(opened.data).hexdigest() == hashlib.sha256(PNG + b"failed").hexdigest()


def test_it_is_run_again_by_its_button(signed_in: Browser, studio: Studio, clock: Clock) -> None:
    run_id = fell(studio, clock)
    answer = signed_in.send(f"/runs/{run_id}", f"/journeys/{studio.journey_id}/run")
    assert answer.headers["Location"].startswith("/runs/run_")
    assert answer.headers["Location"] != f"/runs/{run_id}"


def test_where_traces_can_not_be_shown_apart_the_page_says_how_to_open_one(
    signed_in: Browser, studio: Studio, clock: Clock
) -> None:
    run_id = fell(studio, clock)
    seen = signed_in.get(f"/runs/{run_id}")
    assert f"npx playwright show-trace {run_id}-trace.zip" in seen.text
    assert f"/runs/{run_id}/trace" not in [link.get("href") for link in seen.all("a")]
    answer = signed_in.answer(f"/runs/{run_id}/trace", status=303)
    assert answer.headers["Location"] == f"/runs/{run_id}#trace"


def test_a_run_without_a_trace_opens_none(signed_in: Browser, studio: Studio, clock: Clock) -> None:
    run_id = studio.run(clock.now_ms, (StepResult(0, "goto", "success", duration_ms=1.0),))
    signed_in.get(f"/runs/{run_id}/trace", status=404)
    signed_in.get("/runs/run_000000000000/trace", status=404)


def test_files_that_made_room_are_told_of(signed_in: Browser, studio: Studio, clock: Clock) -> None:
    step = StepResult(0, "goto", "success", duration_ms=1.0, screenshot="f" * 64)
    run_id = studio.run(clock.now_ms, (step,), Evidence("screenshot", "f" * 64, "image/png", 1, 0))
    seen = signed_in.get(f"/runs/{run_id}")
    assert "1 of the run's files made room for newer ones, or never came." in seen.text
    assert not [image for image in seen.all("img") if "/artifacts/" in (image["src"] or "")]


def test_files_that_are_not_what_they_say_break_no_page(signed_in: Browser, studio: Studio, clock: Clock) -> None:
    steps = (StepResult(0, "goto", "success", duration_ms=1.0),)
    for content, failed in ((b"[" * 100_000, False), (b"\xff\xfe not json", True)):
        clock.advance(MINUTE_MS)
        run_id = studio.run(
            clock.now_ms, steps, studio.keep("har", content), studio.keep("console", content + b"2"), failed=failed
        )
    assert "What changed since the last good run here" in signed_in.get(f"/runs/{run_id}").text


def test_a_step_that_says_otherwise_by_now_is_not_told_by_todays_words(
    signed_in: Browser, owner: Client, studio: Studio, journey: Any, clock: Clock
) -> None:
    run_id = fell(studio, clock)
    steps = [STEPS[0], {"type": "click", "selector": "#brand-new"}]
    owner.data("PUT", f"/v1/journeys/{journey['id']}", {"steps": steps})
    text = signed_in.get(f"/runs/{run_id}").text
    assert "#email" in text
    assert "#brand-new" not in text


def test_the_alert_shows_the_page_at_the_step_that_failed(
    signed_in: Browser, owner: Client, studio: Studio, database: Database, organization: str, clock: Clock
) -> None:
    run_id = fell(studio, clock)
    alert_id = add_alert(database, organization, studio.journey_id, [run_id], clock.now_ms, cause=CAUSE)
    seen = signed_in.get(f"/alerts/{alert_id}")
    shot = next(row for row in owner.data("GET", f"/v1/runs/{run_id}/artifacts") if row["type"] == "screenshot")
    assert f"/artifacts/{shot['id']}" in [image["src"] for image in seen.all("img")]
    assert SHOWN in seen.text

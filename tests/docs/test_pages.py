"""The pages are true: examples parse, lists agree with the code, links lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from api.schemas.quiet import SilenceRequest, WindowDefinition
from cli.environment import read_settings
from model.assertions.registry import ASSERTION_TYPES
from model.notices import NoticeKind
from model.settings import Settings
from probes.registry import MONITORS, parse

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
CHECKS = (ROOT / "docs/reference/checks.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", blocks(CHECKS, "json"))
def test_each_example_of_a_check_is_a_definition(example: str) -> None:
    assert parse(json.loads(example)).name


def test_each_check_type_has_its_section_and_an_example() -> None:
    sections = re.findall(r"^## `(\w+)`", CHECKS, re.MULTILINE)
    assert sorted(sections) == sorted(MONITORS)
    assert {json.loads(example)["type"] for example in blocks(CHECKS, "json")} == set(MONITORS)


def test_each_assertion_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| \w+", CHECKS.split("## Assertions")[1].split("## How a run")[0], re.MULTILINE)
    assert sorted(rows) == sorted(ASSERTION_TYPES)


def test_the_monitors_of_the_readme_and_the_tutorial_are_definitions() -> None:
    readme = (ROOT / "README.md").read_text()
    bodies = [*re.findall(r"-d '(\{.*?\})'\n", readme, re.DOTALL), *re.findall(r"^json '(.*)'$", readme, re.MULTILINE)]
    assert {parse(json.loads(body)).type for body in bodies} == set(MONITORS)
    shop, _ = blocks((ROOT / "docs/tutorial.md").read_text(), "yaml")
    assert parse(yaml.safe_load(shop)).type == "url"


def test_the_quiet_times_of_their_page_are_accepted() -> None:
    page = (ROOT / "docs/how-to/quiet-times.md").read_text()
    (window,) = blocks(page, "yaml")
    assert WindowDefinition.model_validate(yaml.safe_load(window)).duration == 1800
    (body,) = re.findall(r"-d '(\{.*?\})'\n", page)
    assert SilenceRequest.model_validate(json.loads(body)).for_ == 1200


def test_each_setting_has_its_row() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    missing = [name for name in Settings.model_fields if f"`TRACER_{name.upper()}`" not in page]
    assert missing == []


def test_each_kind_of_notice_has_its_row() -> None:
    page = (ROOT / "docs/how-to/watching-tracer.md").read_text()
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(["kind", *NoticeKind])


def test_the_defaults_of_the_settings_page_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TRACER_{name.upper()}", raising=False)
    settings = read_settings()
    assert (settings.host, settings.port, settings.retention_runs_days) == ("127.0.0.1", 8000, 30)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:api|alerts|cli|egress|migrations|model|probes|scheduler|store)/[\w/.]+)`", page.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []

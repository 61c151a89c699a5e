"""The page about files does what it says: its file is applied, its plans are the ones that are printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.main import tracer
from tests.api.conftest import Client

PAGE = (Path(__file__).parents[2] / "docs/how-to/monitoring-as-code.md").read_text()
FILE, *PIPELINES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHOWN = re.findall(r"\n\n```\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"\$\{([A-Z_]+)\}", FILE):
        monkeypatch.setenv(name, f"https://x.example/{name}")
    return tmp_path


@pytest.fixture
def apply(api: None, folder: Path) -> Callable[..., Result]:
    def applied(text: str, *options: str) -> Result:
        (folder / "tracer.yaml").write_text(text)
        return CliRunner().invoke(tracer, ["apply", "tracer.yaml", *options])

    return applied


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def test_the_file_is_applied_with_the_plan_that_is_shown(apply: Callable[..., Result], clock: Any) -> None:
    first = apply(FILE)
    assert (first.exit_code, lines(SHOWN[0])) == (0, lines(first.stdout)[: len(lines(SHOWN[0]))]), first.output
    assert lines(first.stdout)[-1] == "Done: 5 created, 0 changed, 0 unchanged, 0 deleted"
    clock.advance(1_000)
    again = apply(FILE)
    assert lines(again.stdout)[-1] == "Done: 0 created, 0 changed, 5 unchanged, 0 deleted"
    assert SHOWN[3].strip() in again.stdout
    assert SHOWN[1].strip() in apply(FILE.replace("interval: 30", "interval: 10"), "--dry-run").stdout


def test_a_mistake_is_named_as_shown(apply: Callable[..., Result]) -> None:
    line = int(SHOWN[2].split(":")[1])
    assert FILE.splitlines()[line - 1].strip() == "interval: 30"
    assert SHOWN[2].strip() in apply(FILE.replace("interval: 30", "interval: soon")).output


def test_an_export_moves_to_another_tracer_with_values_for_its_masks(
    apply: Callable[..., Result], folder: Path, owner: Client
) -> None:
    apply(FILE)
    assert CliRunner().invoke(tracer, ["export", "-o", "tracer.yaml"]).exit_code == 0
    text = (folder / "tracer.yaml").read_text()
    assert lines(apply(text).stdout)[-1] == "Done: 0 created, 0 changed, 5 unchanged, 0 deleted"
    for path in ("alert-rules", "journeys", "monitors", "alert-channels"):
        for item in owner.data("GET", f"/v1/{path}"):
            owner.data("DELETE", f"/v1/{path}/{item['id']}")
    assert apply(text).exit_code == 2
    filled = text.replace("'********'", '"${ON_CALL_URL}"')
    assert lines(apply(filled).stdout)[-1] == "Done: 5 created, 0 changed, 0 unchanged, 0 deleted"


def test_deleting_is_as_the_page_says(apply: Callable[..., Result]) -> None:
    apply(FILE)
    [options] = re.findall(r"^    tracer apply tracer.yaml (--prune .*)$", PAGE, re.MULTILINE)
    fewer = re.sub(r"  - name: Nightly backup\n(    .*\n)+", "", FILE)
    assert lines(apply(fewer, *options.split()).stdout)[-1].endswith("1 deleted")
    assert apply(FILE.split("journeys:")[0].replace("Shop", "Other"), *options.split(), "--dry-run").exit_code == 0
    assert apply("rules: []\n", "--prune", "--yes", "0").exit_code == 2


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_commands_of_the_pipelines_work(apply: Callable[..., Result], pipeline: str) -> None:
    assert yaml.safe_load(pipeline)
    commands = re.findall(r"tracer (apply tracer\.yaml[ a-z0-9-]*)", pipeline)
    assert commands
    apply(FILE)
    for command in commands:
        result = CliRunner().invoke(tracer, command.split())
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("pipeline", PIPELINES[:1])
def test_the_pipeline_of_the_file_s_secrets_gives_each_of_them(pipeline: str, store: str) -> None:
    given = yaml.safe_load(pipeline)["jobs"]["monitoring"]["env"]
    assert set(re.findall(r"\$\{([A-Z_]+)\}", FILE)) <= set(given)

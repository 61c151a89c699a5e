"""`tracer journeys` against the API itself: what a pipeline types, reads, and gets as an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cli.ci import following, waiting
from cli.ci.following import Clock
from cli.client import ApiError
from cli.main import tracer
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.endings import WORDS, Ends
from tests.api.journeys import make
from tests.cli.ci.junit_rules import breaches


def typed(*words: str) -> Result:
    return CliRunner().invoke(tracer, ["journeys", *words])


def smoke(owner: Client, *names: str, **fields: Any) -> None:
    for name in names:
        make(owner, name=name, tags=["smoke"], **fields)


def wait_for_smoke(*words: str) -> Result:
    return typed("run", "--tag", "smoke", "--wait", *words)


@pytest.mark.parametrize(
    ("statuses", "code", "said"),
    [
        (["success", "success"], 0, "2 runs: 2 passed, 0 failed"),
        (["success", "failed"], 1, "2 runs: 1 passed, 1 failed"),
        (["success", "unknown"], 3, "2 runs: 1 passed, 0 failed, 1 not measured"),
        (["unknown", "failed"], 1, "2 runs: 0 passed, 1 failed, 1 not measured"),
    ],
)
def test_the_exit_code_says_how_it_went(
    owner: Client, ends: Ends, statuses: Sequence[str], code: int, said: str
) -> None:
    smoke(owner, "Browse", "Buy")
    ends(Browse=statuses[0], Buy=statuses[1])
    result = wait_for_smoke()
    assert (result.exit_code, result.output.splitlines()[-1]) == (code, said)


def test_what_failed_is_shown_with_its_step_and_its_page(owner: Client, ends: Ends) -> None:
    smoke(owner, "Browse", "Buy")
    ends(Browse="success", Buy="failed")
    result = wait_for_smoke()
    run = owner.data("GET", f"/v1/journeys/{owner.data('GET', '/v1/journeys?name=Buy')[0]['id']}/runs")[0]
    for part in (
        f"■ failed  Buy (local)  0.9 s  {WORDS}", "✓ 1 goto  210 ms", "✗ 2 Buy  it is covered by `#banner`",
        "- 3 screenshot", f"run page    {PUBLIC_URL}/runs/{run['id']}", "● passed  Browse (local)  0.9 s",
    ):  # fmt: skip
        assert part in result.stdout


def test_progress_is_a_line_for_each_change_and_not_among_the_results(owner: Client, ends: Ends) -> None:
    smoke(owner, "Browse", "Buy")
    ends(Browse="success", Buy="failed")
    result = wait_for_smoke()
    assert [line for line in result.stderr.splitlines() if not line.startswith("note: ")] == [
        "● passed  Browse (local)",
        "■ failed  Buy (local)",
    ]


def test_the_report_is_one_that_pipelines_read(owner: Client, ends: Ends, tmp_path: Path) -> None:
    smoke(owner, "Browse", "Buy", locations=["eu", "us"])
    ends(Browse="success", Buy="failed")
    file = tmp_path / "report.xml"
    assert wait_for_smoke("--junit", str(file)).exit_code == 1
    assert breaches(file.read_bytes()) == []
    [suite] = ElementTree.parse(file).getroot()  # noqa: S314 - our own report
    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        "smoke",
        "4",
        "2",
        "0",
    )
    assert sorted(case.get("name") or "" for case in suite.iter("testcase")) == [
        "Browse (eu)", "Browse (us)", "Buy (eu)", "Buy (us)",
    ]  # fmt: skip
    assert [fault.get("message") for fault in suite.iter("failure")] == [WORDS, WORDS]


def test_what_has_not_ended_in_time_is_not_measured_and_in_the_report(
    owner: Client, ends: Ends, tmp_path: Path
) -> None:
    smoke(owner, "Browse", "Buy")
    ends(Browse="success")
    file = tmp_path / "report.xml"
    result = wait_for_smoke("--junit", str(file), "--timeout", "20")
    assert result.exit_code == 3
    assert "Not finished within 20 s; the runs go on." in result.stderr
    [suite] = ElementTree.parse(file).getroot()  # noqa: S314 - our own report
    [error] = suite.iter("error")
    page = next(line for line in (error.text or "").splitlines() if line.startswith("Run: "))
    said = "it had not finished within 20 s; the run goes on"
    assert (error.get("type"), error.get("message"), error.text) == ("not_finished", said, f"{said}\n\n{page}")


def interrupt_after(monkeypatch: pytest.MonkeyPatch, waits: int) -> None:
    """Ctrl-C while the command waits for the so manyeth time."""
    real = command_clock()

    def sleep(seconds: float) -> None:
        nonlocal waits
        waits -= 1
        if waits < 0:
            raise KeyboardInterrupt
        real.sleep(seconds)

    monkeypatch.setattr("cli.ci.waiting.Clock", lambda: Clock(real.now, sleep))


def command_clock() -> Clock:
    """As the fixture `ends` has set it."""
    return waiting.Clock()


def test_ctrl_c_is_no_verdict_says_what_goes_on_and_reports_what_is_known(
    owner: Client, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke(owner, "Browse", "Buy")
    ends(Buy="failed")
    interrupt_after(monkeypatch, 1)
    file = tmp_path / "report.xml"
    result = wait_for_smoke("--junit", str(file))
    assert (result.exit_code, "Aborted" in result.output) == (130, False)
    [suite] = ElementTree.parse(file).getroot()  # noqa: S314 - our own report
    batch = next(each.get("value") for each in suite.iter("property"))
    assert f"Interrupted; the batch {batch} goes on." in result.stderr
    assert f"/v1/batches/{batch} says how all of it went" in result.stderr
    assert result.stdout.splitlines()[-1] == "2 runs: 0 passed, 1 failed, 1 not finished"
    faults = {
        case.get("name"): [(fault.tag, fault.get("message")) for fault in case] for case in suite.iter("testcase")
    }
    assert faults == {
        "Browse (local)": [("error", "the wait for it was interrupted; the run goes on")],
        "Buy (local)": [("failure", WORDS)],
    }


def test_ctrl_c_while_one_journey_is_waited_for_names_its_run(
    owner: Client, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = make(owner, name="Buy")
    ends()
    interrupt_after(monkeypatch, 0)
    result = typed("run", journey["id"], "--wait")
    [run] = owner.data("GET", f"/v1/journeys/{journey['id']}/runs")
    assert (result.exit_code, f"`tracer runs show {run['id']}` says how it went" in result.stderr) == (130, True)


def test_what_was_known_is_reported_when_tracer_goes_away(
    owner: Client, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke(owner, "Browse", "Buy")
    ends(Buy="failed")
    real, looked = following.of_api, []

    def away(run: Any, fallback: Any = None) -> Any:
        looked.append(run["run_id"])
        if len(looked) > 4:
            raise ApiError("Tracer can't be reached", status=404)
        return real(run, fallback)

    monkeypatch.setattr("cli.ci.following.of_api", away)
    file = tmp_path / "report.xml"
    assert wait_for_smoke("--junit", str(file)).exit_code == 1
    [suite] = ElementTree.parse(file).getroot()  # noqa: S314 - our own report
    assert (suite.get("failures"), suite.get("errors")) == ("1", "1")
    [error] = suite.iter("error")
    assert error.get("message") == "how it went can't be asked for: Tracer can't be reached"


def test_nothing_to_run_is_an_error_in_the_report_and_no_old_one_stays(
    api: None, owner: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.xml"
    for url, said in ((None, "No journey has the tag 'smoke'"), ("http://127.0.0.1:9", "can't be reached")):
        file.write_text("<testsuites>all green, last week</testsuites>")
        if url is not None:
            monkeypatch.setenv("TRACER_URL", url)
        assert wait_for_smoke("--junit", str(file)).exit_code == 2
        assert breaches(file.read_bytes()) == []
        [suite] = ElementTree.parse(file).getroot()  # noqa: S314 - our own report
        [error] = suite.iter("error")
        assert (suite.get("errors"), error.get("type"), said in (error.get("message") or "")) == ("1", "not_run", True)


def test_json_has_each_run_with_its_steps_and_the_exit_code(owner: Client, ends: Ends) -> None:
    smoke(owner, "Buy")
    ends(Buy="failed")
    shown = json.loads(wait_for_smoke("--json").stdout)
    assert (shown["exit_code"], shown["batch_id"][:4]) == (1, "bat_")
    [run] = shown["runs"]
    assert (run["name"], run["location"], run["status"], run["duration_ms"]) == ("Buy", "local", "failed", 900)
    assert run["error"] == {"code": "step_failed", "message": WORDS}
    assert [step["status"] for step in run["steps"]] == ["success", "failed", "skipped"]


def test_a_tag_that_no_journey_has_is_nothing_to_run(api: None, owner: Client) -> None:
    result = wait_for_smoke()
    assert (result.exit_code, result.output.strip()) == (2, "No journey has the tag 'smoke'")
    smoke(owner, "Asleep", status="paused")
    assert wait_for_smoke().exit_code == 2


def test_paused_journeys_are_named(owner: Client, ends: Ends) -> None:
    smoke(owner, "Browse")
    smoke(owner, "Asleep", status="paused")
    ends(Browse="success")
    result = wait_for_smoke()
    assert (result.exit_code, "note: Asleep is paused and was left out" in result.stderr) == (0, True)


def test_what_is_asked_beyond_the_definition_is_sent(
    owner: Client, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoke(owner, "Browse")
    ends(Browse="success")
    monkeypatch.setenv("PASSWORD", "from the environment")
    for name in ("GITHUB_SHA", "GITHUB_HEAD_REF", "GITHUB_REF_NAME", "GITHUB_RUN_ID", "CI_JOB_URL", "BUILD_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI_COMMIT_SHA", "9fceb02")
    monkeypatch.setenv("CI_COMMIT_REF_NAME", "new-login")
    result = wait_for_smoke(
        "--location",
        "ci",
        "--base-url",
        "https://pr-17.example.com",
        "--var",
        "USER=ann=x",
        "--var",
        "PASSWORD",
        "--json",
    )
    batch = owner.data("GET", f"/v1/batches/{json.loads(result.stdout)['batch_id']}")
    assert [run["location"] for run in batch["runs"]] == ["ci"]
    assert batch["metadata"] == {"commit": "9fceb02", "branch": "new-login", "url": None}


def test_what_the_api_refuses_is_a_sentence_with_its_field(api: None, owner: Client) -> None:
    smoke(owner, "Browse")
    for words, said in (
        (["--base-url", "ftp://a.example"], "base_url"), (["--var", "A B=x"], "variables.A B"),
        (["--location", "Not A Place"], "locations.0"),
    ):  # fmt: skip
        result = wait_for_smoke(*words)
        assert (result.exit_code, said in result.output) == (2, True), result.output


def test_without_wait_it_says_what_was_asked_for(api: None, owner: Client) -> None:
    smoke(owner, "Browse", "Buy")
    result = typed("run", "--tag", "smoke")
    assert (result.exit_code, result.stdout.splitlines()[-1][:4]) == (0, "bat_")
    assert len(result.stdout.splitlines()) == 3


def test_one_journey_by_its_id_is_waited_for_too(owner: Client, ends: Ends, tmp_path: Path) -> None:
    journey = make(owner, name="Buy", locations=["eu", "us"])
    asked = typed("run", journey["id"])
    assert (asked.exit_code, len(asked.stdout.splitlines())) == (0, 2)
    ends(Buy="failed")
    waited = typed("run", journey["id"], "--wait", "--location", "us", "--junit", str(tmp_path / "one.xml"))
    assert (waited.exit_code, waited.stdout.splitlines()[-1]) == (1, "1 run: 0 passed, 1 failed")
    assert breaches((tmp_path / "one.xml").read_bytes()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "name one of: the id of a journey, --tag, --file"),
        (["run", "jny_1", "--tag", "smoke"], "name one of"),
        (["run", "--tag", "smoke", "--headed"], "--headed goes with --file"),
        (["run", "--tag", "smoke", "--junit", "a.xml"], "--junit goes with --wait"),
        (["run", "--tag", "smoke", "--timeout", "5"], "--timeout goes with --wait"),
        (["run", "--tag", "smoke", "--wait", "--timeout", "0"], "0.0 is not in the range"),
        (["run", "--tag", "smoke", "--wait", "--junit", "/nowhere/at/all/a.xml"], "there is no folder"),
        (["run", "jny_1", "--var", "A=b"], "--base-url and --var go with --tag or --file"),
        (["run", "--tag", "smoke", "--var", "=b"], "NAME=VALUE"),
        (["run", "--tag", "smoke", "--var", "NOT_IN_THE_ENVIRONMENT"], "the environment has no NOT_IN_THE_ENVIRONMENT"),
        (["run", "--file", "/nowhere.yaml"], "No such file"),
    ],
)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_wrong_usage_is_a_sentence_and_runs_nothing(api: None, owner: Client, words: list[str], said: str) -> None:
    smoke(owner, "Browse")
    result = typed(*words)
    assert (result.exit_code, said in result.output) == (2, True), result.output
    [journey] = owner.data("GET", "/v1/journeys")
    assert owner.data("GET", f"/v1/journeys/{journey['id']}/runs") == []


def test_journeys_are_listed_shown_changed_and_deleted_by_hand(api: None, owner: Client, tmp_path: Path) -> None:
    file = tmp_path / "journey.yaml"
    file.write_text(
        'name: Buy\ntags: [smoke]\nsteps:\n  - {type: goto, url: "https://a.example/"}\nlocations: [local]\n'
    )
    made = json.loads(typed("create", "-f", str(file), "--json").stdout)
    assert "Buy" in typed("list", "--tag", "smoke").stdout
    assert "No journeys yet." in typed("list", "--tag", "other").stdout
    file.write_text("interval: 600\n")
    assert json.loads(typed("update", made["id"], "-f", str(file), "--json").stdout)["interval"] == 600
    assert "is paused" in typed("pause", made["id"]).stdout
    assert "Buy" in typed("list", "--status", "paused").stdout
    assert "runs again" in typed("resume", made["id"]).stdout
    assert "a.example" in typed("show", made["id"]).stdout
    assert "No runs yet." in typed("runs", made["id"]).stdout
    assert "deleted" in typed("delete", made["id"]).stdout
    assert typed("show", made["id"]).exit_code == 2


def test_a_journey_is_shown_without_what_is_null(api: None, owner: Client) -> None:
    steps = [{"type": "goto", "url": "https://a.example/"}, {"type": "click", "selector": "#buy", "name": "Buy"}]
    journey = make(owner, name="Buy", steps=steps)
    shown = typed("show", journey["id"]).stdout
    assert "- {type: goto, url: 'https://a.example/'}" in shown
    assert "- {type: click, name: Buy, selector: '#buy'}" in shown
    assert "null" not in shown
    assert '"frame": null' in typed("show", journey["id"], "--json").stdout


def test_a_run_is_shown_with_its_steps_its_cause_and_its_files(owner: Client, ends: Ends) -> None:
    smoke(owner, "Buy")
    ends(Buy="failed")
    run = json.loads(wait_for_smoke("--json").stdout)["runs"][0]["run_id"]
    shown = CliRunner().invoke(tracer, ["runs", "show", run])
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["cause", *WORDS.split()] in lines
    assert ["1", "goto", "-", "●", "success", "210", "-"] in lines
    assert ["2", "click", "Buy", "■", "failed", "9000", *["it", "is", "covered", "by", "`#banner`"]] in lines
    assert ["3", "screenshot", "-", "◌", "skipped", "-", "-"] in lines
    assert "dns_ms" not in shown.stdout
    assert "null" not in shown.stdout
    whole = json.loads(CliRunner().invoke(tracer, ["runs", "show", run, "--json"]).stdout)
    assert (whole["error"]["message"], "steps" in whole) == (WORDS, False)


def test_the_files_of_a_run_are_links_on_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://tracer.example/artifacts/" + "x" * 200
    artifacts = [
        {"type": "screenshot", "step_index": 1, "url": url}, {"type": "trace", "step_index": None, "url": f"{url}2"},
    ]  # fmt: skip
    answers = {"/v1/runs/run_1": {"id": "run_1", "journey_id": "jny_1"}, "/v1/runs/run_1/artifacts": artifacts}
    monkeypatch.setattr("cli.showing_runs.ask", lambda _, path: {"data": answers.get(path, [])})
    lines = CliRunner().invoke(tracer, ["runs", "show", "run_1"]).stdout.splitlines()
    assert lines[-2:] == [f"{'screenshot of step 2':<24}{url}", f"{'trace':<24}{url}2"]


def test_why_is_answered_for_journeys_and_a_mistyped_id_shows(owner: Client, ends: Ends) -> None:
    journey = make(owner, name="Buy")
    for id_, said in (
        (journey["id"], "Nothing failed there"), ("jny_nowhere", "There is no journey jny_nowhere"),
        ("mon_nowhere", "There is no monitor mon_nowhere"), ("run_nowhere", "There is no run run_nowhere"),
        ("nonsense", "There is no monitor nonsense"),
    ):  # fmt: skip
        result = CliRunner().invoke(tracer, ["why", id_])
        assert (result.exit_code, said in result.output) == (0 if id_ == journey["id"] else 2, True), result.output


def test_the_steps_of_a_run_by_hand(owner: Client, ends: Ends) -> None:
    smoke(owner, "Buy")
    ends(Buy="failed")
    run = json.loads(wait_for_smoke("--json").stdout)["runs"][0]["run_id"]
    steps = CliRunner().invoke(tracer, ["runs", "steps", run]).stdout
    assert "it is covered by `#banner`" in steps
    assert "That run has no artifacts." in CliRunner().invoke(tracer, ["runs", "artifacts", run]).stdout
    journey = owner.data("GET", "/v1/journeys")[0]["id"]
    assert run in CliRunner().invoke(tracer, ["runs", "list", journey]).stdout


def test_a_recording_is_saved_over_rest_and_printed_without(api: None, owner: Client, tmp_path: Path) -> None:
    script = tmp_path / "test_log_in.py"
    script.write_text(
        'def test_example(page):\n    page.goto("https://a.example/")\n'
        '    page.get_by_label("Password").fill("hunter2")\n    page.reload()\n'
    )
    printed = typed("import", str(script))
    assert printed.exit_code == 0
    missing = f"1 line of {script} was not taken: the journey checks less than the script did."
    assert printed.stdout.startswith(
        f"# {missing}\n#   line 4: a journey has no step for reload(): use goto()\nname: log in\n"
    )
    assert missing in printed.stderr
    assert f"{script}:4: not taken: a journey has no step for reload()" in printed.stderr
    assert f"{script}:3: what is typed here is kept as the variable PASSWORD" in printed.stderr
    assert owner.data("GET", "/v1/journeys") == []
    saved = typed("import", str(script), "--save", "--name", "Log in", "--tag", "smoke", "--location", "eu")
    assert saved.exit_code == 0
    [journey] = owner.data("GET", "/v1/journeys")
    assert (journey["name"], journey["tags"], journey["locations"]) == ("Log in", ["smoke"], ["eu"])
    assert journey["status"] == "paused"
    assert (
        f"Saved paused, as it lacks lines of the script. Look at it, then `tracer journeys resume {journey['id']}`"
        in (saved.stderr)
    )
    assert journey["variables"] == {"PASSWORD": "********"}
    assert [step["type"] for step in journey["steps"]] == ["goto", "fill"]


def test_a_recording_that_was_taken_whole_or_is_forced_is_saved_running(
    api: None, owner: Client, tmp_path: Path
) -> None:
    script = tmp_path / "a.py"
    for text, words in (("", []), ("page.reload()\n", ["--force"])):
        script.write_text('page.goto("https://a.example/")\n' + text)
        saved = typed("import", str(script), "--save", *words)
        assert (saved.exit_code, "Saved paused" in saved.stderr) == (0, False)
    assert [journey["status"] for journey in owner.data("GET", "/v1/journeys")] == ["active", "active"]
    assert "--force goes with --save" in typed("import", str(script), "--force").output


@pytest.mark.parametrize(
    ("text", "said"),
    [("def (", "line 1 is not Python"), ("x.reload()", "comes to no journey"), ("", "at least one step")],
)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_script_that_comes_to_no_journey_saves_nothing(
    api: None, owner: Client, tmp_path: Path, text: str, said: str
) -> None:
    script = tmp_path / "a.py"
    script.write_text(text)
    result = typed("import", str(script), "--save")
    assert (result.exit_code, said in result.output) == (2, True), result.output
    assert owner.data("GET", "/v1/journeys") == []


def test_a_tracer_that_is_away_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_URL", "http://127.0.0.1:9")
    assert wait_for_smoke().exit_code == 2

"""`tracer journeys run --file`: a real browser of this machine, a real site, no server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cli.main import tracer
from tests.cli.ci.junit_rules import breaches
from tests.journeys.site import Answer, Site

LOGIN = """\
name: Log in
timeout: 30
steps:
  - {{type: goto, url: {url}/login}}
  - {{type: fill, selector: "#password", value: "{{{{PASSWORD}}}}"}}
  - {{type: click, selector: button}}
  - {{type: expect_text, selector: h1, value: {word}, timeout: 2}}
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().running() as running:
        running.page(
            "/login", "<form action=/in method=post><input id=password name=password><button>In</button></form>"
        )
        running.on("/in", lambda asked: Answer(f"<h1>{'Welcome' if b'=right' in asked.body else 'Wrong'}</h1>"))
        yield running


def run(file: Path, *words: str) -> Result:
    return CliRunner().invoke(tracer, ["journeys", "run", "--file", str(file), *words])


def written(folder: Path, text: str) -> Path:
    file = folder / "journey.yaml"
    file.write_text(text)
    return file


def test_a_file_is_walked_and_its_evidence_kept(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, LOGIN.format(url=site.url, word="Welcome"))
    result = run(file, "--var", "PASSWORD=right", "--evidence", str(tmp_path / "seen"), "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["runs"][0]["status"]) == (0, "success"), result.output
    assert "  ✓ 2 fill" in result.stderr
    assert "{" not in capfd.readouterr().err, "what the browser's process says is words"
    kept = sorted(path.name for path in (tmp_path / "seen").rglob("*") if path.is_file())
    assert kept == ["console.json", "har.json", "screenshot-step-4.jpg", "trace.zip"]


def test_a_broken_one_names_its_step_and_where_to_look(site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, LOGIN.format(url=site.url, word="Welcome"))
    report = tmp_path / "report.xml"
    result = run(file, "--var", "PASSWORD=wrong", "--evidence", str(tmp_path / "seen"), "--junit", str(report))
    assert result.exit_code == 1
    assert 'step 4 expect_text `h1`: expected the text to contain "Welcome", got "Wrong"' in result.stdout
    assert str(tmp_path / "seen" / "Log-in-this-machine" / "trace.zip") in result.stdout
    assert breaches(report.read_bytes()) == []
    assert b"trace.zip" in report.read_bytes()


def test_all_journeys_of_a_file_of_tracer_apply_at_another_address(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only a Tracer understands, such as names of other checks, says nothing here."""
    monkeypatch.setenv("THE_PASSWORD", "right")
    body = LOGIN.format(url="https://shop.example", word="Welcome").replace("\n", "\n    ").rstrip()
    text = (
        "monitors: []\njourneys:\n"
        f"  - {body}\n    locations: [eu-west]\n    depends_on: [Shop]\n"
        '    variables: {PASSWORD: "${THE_PASSWORD}"}\n'
        "  - name: Look\n    steps: [{type: goto, url: 'https://shop.example/login'}]\n"
    )
    result = run(written(tmp_path, text), "--base-url", site.url, "--evidence", str(tmp_path / "seen"))
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "2 runs: 2 passed, 0 failed"), result.output
    assert site.paths() == ["/login", "/in", "/login"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: A\nsteps:\n  - {type: goto, url: 'http://a.de'}\n  - {type: clik}\n", "journey.yaml:4: steps.1.type"),
        ("name: A\nsteps:\n  - {type: goto, url: 'file:///etc/passwd'}\n", "journey.yaml:3: steps.0.url"),
        (LOGIN.format(url="http://a.example", word="x"), "journey.yaml:5: steps.1: nothing defines {{PASSWORD}}"),
        (LOGIN.format(url="http://a.example", word="x") + "variables: {PASSWORD: '********'}\n",
         "journey.yaml:8: variables.PASSWORD: is ********"),
        ("journeys: []\n", "journeys must be a list with one journey at least"),
        ("[]\n", "must be a journey"),
        ("name: ${NOWHERE_AT_ALL}\n", "the environment has no NOWHERE_AT_ALL"),
        ("name: [\n", "is not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    result = run(written(tmp_path, text))
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_neither_a_file_nor_a_tag_loads_what_it_does_not_need() -> None:
    """Each second that a journey's author waits for a command to begin is lost."""
    for needed, idle in (
        ("cli.journeys", "journeys.registry playwright cli.ci.local"),
        ("cli.ci.local", "playwright probes pycurl dns sqlalchemy flask"),
    ):
        code = f"import sys, {needed}; print([name for name in '{idle}'.split() if name in sys.modules])"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert (needed, found.stdout.strip()) == (needed, "[]")


def test_no_browser_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_CHROMIUM", "/nowhere/chromium")
    file = written(tmp_path, "name: A\nsteps: [{type: goto, url: 'http://a.example'}]\n")
    result: Any = run(file)
    assert (result.exit_code, "TRACER_CHROMIUM names /nowhere/chromium" in result.output) == (2, True)


def test_what_passed_leaves_no_folder_and_what_did_not_says_where_it_lies(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    made = partial(tempfile.mkdtemp, dir=temporary)
    monkeypatch.setattr("cli.ci.keeping.tempfile", SimpleNamespace(mkdtemp=made))
    file = written(tmp_path, LOGIN.format(url=site.url, word="Welcome"))
    passed = run(file, "--var", "PASSWORD=right")
    assert (passed.exit_code, "Evidence is in" in passed.stderr, list(temporary.iterdir())) == (0, False, [])
    failed = run(file, "--var", "PASSWORD=wrong")
    [kept] = temporary.iterdir()
    assert (failed.exit_code, f"Evidence is in {kept}" in failed.stderr) == (1, True)
    assert (kept / "Log-in-this-machine" / "trace.zip").exists()


def test_each_step_is_shown_once(site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, LOGIN.format(url=site.url, word="Welcome"))
    result = run(file, "--var", "PASSWORD=wrong", "--evidence", str(tmp_path / "seen"))
    assert result.output.count("✗ 4 expect_text") == 1


def test_what_could_not_be_run_is_an_error_in_the_report_and_no_old_one_stays(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuites>all green, last week</testsuites>")
    result = run(written(tmp_path, "name: A\nsteps: []\n"), "--junit", str(report))
    assert (result.exit_code, breaches(report.read_bytes())) == (2, [])
    [suite] = ElementTree.parse(report).getroot()  # noqa: S314 - our own report
    [error] = suite.iter("error")
    assert (suite.get("tests"), suite.get("errors"), error.get("type")) == ("1", "1", "not_run")
    assert "journey.yaml:2: steps" in (error.get("message") or "")


def _hears_interrupts() -> None:
    """As a command typed at a terminal does: what a shell starts in the background inherits that they are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_no_verdict_and_reports_what_is_known(site: Site, tmp_path: Path) -> None:
    """A process of its own, which gets the signal while the second journey's page is being loaded."""
    reached, left = threading.Event(), threading.Event()

    def hang(_: Any) -> Answer:
        reached.set()
        left.wait(30)
        return Answer("late")

    site.on("/hang", hang)
    one = f"{{name: One, steps: [{{type: goto, url: '{site.url}/login'}}]}}"
    two = f"{{name: Two, steps: [{{type: goto, url: '{site.url}/hang'}}]}}"
    file = written(tmp_path, f"journeys: [{one}, {two}]\n")
    report = tmp_path / "report.xml"
    words = [sys.executable, "-m", "cli.main", "journeys", "run", "--file", str(file), "--junit", str(report)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hears_interrupts,
    ) as process:  # fmt: skip
        assert reached.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    left.set()
    assert (process.returncode, "Interrupted; the browser is closed." in err) == (130, True), err
    assert out.splitlines()[-1] == "2 runs: 1 passed, 0 failed, 1 not finished"
    assert breaches(report.read_bytes()) == []
    [suite] = ElementTree.parse(report).getroot()  # noqa: S314 - our own report
    assert [(case.get("name"), [fault.tag for fault in case]) for case in suite.iter("testcase")] == [
        ("One (this machine)", []), ("Two (this machine)", ["error"]),
    ]  # fmt: skip

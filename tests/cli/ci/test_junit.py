"""JUnit XML that GitHub's reporters, GitLab and Jenkins read, whatever a page has said."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.ci.junit import report
from cli.ci.results import Artifact, JourneyResult
from tests.cli.ci.junit_rules import breaches

STEPS = [
    {"index": 0, "type": "goto", "name": None, "status": "success", "duration_ms": 210.4, "error": None},
    {"index": 1, "type": "click", "name": "Buy", "status": "failed", "duration_ms": 10_000.0, "error": "is covered"},
    {"index": 2, "type": "click", "name": None, "status": "skipped", "duration_ms": None, "error": None},
]
RESULTS = [
    JourneyResult("Browse", "eu-west", "success", run_id="run_1", duration_ms=1234.5, url="https://t.example/runs/run_1"),
    JourneyResult(
        "Buy", "eu-west", "failed", run_id="run_2", duration_ms=10_500, url="https://t.example/runs/run_2",
        error={"code": "step_failed", "message": "step 2 click `#buy`: it is covered by `#banner`"}, steps=STEPS,
        artifacts=[Artifact("trace", "https://t.example/artifacts/signed"), Artifact("trace", "out/trace.zip")],
    ),
    JourneyResult("Buy", "us-east", "unknown", run_id="run_3", error={"code": "browser_crashed", "message": "it died"}),
    JourneyResult("Slow", "eu-west", "running", run_id="run_4"),
]  # fmt: skip


def written(results: list[JourneyResult]) -> bytes:
    facts = {"batch": "bat_1"}
    return report("smoke", results, host="t.example", started_at="2024-01-15T10:30:00", facts=facts)


def suite_of(results: list[JourneyResult]) -> ElementTree.Element:
    [suite] = ElementTree.fromstring(written(results))  # noqa: S314 - our own report
    return suite


def test_a_report_keeps_the_rules_of_every_reader() -> None:
    assert breaches(written(RESULTS)) == []
    assert breaches(written([])) == []


def test_failed_is_a_failure_and_what_was_not_measured_is_an_error() -> None:
    suite = suite_of(RESULTS)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "2")
    kinds = [(case.get("name"), [(fault.tag, fault.get("type")) for fault in case]) for case in suite.iter("testcase")]
    assert kinds == [
        ("Browse (eu-west)", []), ("Buy (eu-west)", [("failure", "step_failed")]),
        ("Buy (us-east)", [("error", "browser_crashed")]), ("Slow (eu-west)", [("error", "not_finished")]),
    ]  # fmt: skip


def test_a_failure_names_the_step_and_leads_to_the_run() -> None:
    failure = suite_of(RESULTS).find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "step 2 click `#buy`: it is covered by `#banner`"
    text = failure.text or ""
    for part in (
        "✓ 1 goto  210 ms",
        "✗ 2 Buy  is covered",
        "- 3 click",
        "https://t.example/runs/run_2",
        "out/trace.zip",
    ):
        assert part in text


def test_a_run_is_said_to_have_what_it_has_and_no_line_is_empty_for_nothing() -> None:
    slow = JourneyResult("Slow", "eu", "running", url="https://t.example/runs/run_4")
    shot = Artifact("screenshot", "https://t.example/artifacts/signed")
    for artifacts, said in (
        ([], "Run: "), ([shot], "Run, with its screenshot: "),
        ([Artifact("trace", "x.zip"), shot], "Run, with its screenshot and trace: "),
    ):  # fmt: skip
        error = suite_of([replace(slow, artifacts=artifacts)]).find("testcase/error")
        assert error is not None
        files = "\ntrace: x.zip" if len(artifacts) == 2 else ""
        assert error.text == f"it had not finished\n\n{said}https://t.example/runs/run_4{files}"


def test_a_signed_link_stands_in_no_report() -> None:
    assert b"/artifacts/" not in written(RESULTS)


def test_each_run_that_passed_has_its_page_too() -> None:
    assert "Browse (eu-west): https://t.example/runs/run_1" in (suite_of(RESULTS).findtext("system-out") or "")


def test_times_are_seconds() -> None:
    suite = suite_of(RESULTS)
    assert [case.get("time") for case in suite.iter("testcase")] == ["1.234", "10.500", "0.000", "0.000"]
    assert suite.get("time") == "11.735"


@pytest.mark.parametrize("text", ["\x00\x1b[31m", "]]>", "<failure>", "\ud800", "￾", "&#0;", "a\nb", "\u202e"])
def test_whatever_a_page_says_the_report_can_be_read(text: str) -> None:
    result = JourneyResult(f"x{text}", "eu", "failed", error={"code": "step_failed", "message": text}, url=f"u{text}")
    assert breaches(written([result])) == []


@settings(max_examples=50)
@given(name=st.text(), message=st.text(), error=st.text())
def test_any_text_keeps_the_rules(name: str, message: str, error: str) -> None:
    steps = [{"index": 0, "type": "goto", "name": name, "status": "failed", "duration_ms": 1, "error": error}]
    result = JourneyResult(name, "eu", "failed", error={"code": "x", "message": message}, steps=steps)
    assert breaches(written([result])) == []

"""What a journey may say, and the sentence for what it may not, with the index of the step it is about."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from journeys import registry, steps
from journeys.definition import JourneyCheck
from model.secrets import MASK, join, split
from model.validation import field_errors

HOME = {"type": "goto", "url": "https://app.example.com/login"}
LOGIN = {
    "name": "Login Flow",
    "description": "Tests the user login process",
    "interval": 300,
    "timeout": 60,
    "locations": ["us-east"],
    "steps": [
        HOME,
        {"type": "fill", "selector": "#email", "value": "me@example.com"},
        {"type": "fill", "selector": "#password", "value": "{{PASSWORD}}"},
        {"type": "click", "selector": "button[type='submit']"},
        {"type": "expect_visible", "selector": ".dashboard"},
    ],
    "variables": {"PASSWORD": "test123"},
}


def fields_of(*given: dict[str, Any], **others: Any) -> dict[str, list[str]]:
    """What is wrong with a journey of these steps."""
    with pytest.raises(ValidationError) as raised:
        JourneyCheck.model_validate({"name": "x", "steps": list(given), **others})
    return field_errors(raised.value)


def test_the_journey_of_the_public_reference_is_taken_as_it_stands() -> None:
    journey = JourneyCheck.model_validate(LOGIN)
    assert [step.type for step in journey.steps] == ["goto", "fill", "fill", "click", "expect_visible"]
    assert (journey.kind, journey.interval_ms, journey.timeout) == ("browser", 300_000, 60)


def test_a_journey_runs_every_five_minutes_for_up_to_one_unless_it_says_otherwise() -> None:
    journey = JourneyCheck.model_validate({"name": "x", "steps": [HOME]})
    assert (journey.interval_ms, journey.timeout) == (300_000, 60)
    assert JourneyCheck.model_validate({"name": "x", "steps": [HOME], "cron": "0 3 * * *"}).interval_ms is None


def test_every_file_of_a_step_is_in_the_registry_and_named_like_its_type() -> None:
    files = {path.stem for folder in steps.__path__ for path in Path(folder).glob("*.py")}
    assert files - {"__init__", "base", "expectation"} == set(registry.STEP_TYPES)


@pytest.mark.parametrize("kind", sorted(registry.STEP_TYPES))
def test_every_step_refuses_a_field_it_does_not_know(kind: str) -> None:
    found = fields_of(HOME, {"type": kind, "colour": "red"})
    assert found["steps.1.colour"] == ["is not a field that is known here"]


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"type": "zap"}, "type", "must be one of goto, click"),
        ({"selector": "#a"}, "type", "must be one of goto, click"),
        ({"type": "click"}, "selector", "is required"),
        ({"type": "click", "selector": "  "}, "selector", "must not be blank"),
        ({"type": "click", "selector": "button["}, "selector", "a [ is never closed"),
        ({"type": "click", "selector": "css=a:has(b"}, "selector", "a ( is never closed"),
        ({"type": "click", "selector": "div >> a)"}, "selector", "a ) closes nothing"),
        ({"type": "click", "selector": "[a='b]"}, "selector", "a ' is never closed"),
        ({"type": "click", "selector": "//*["}, "selector", "a [ is never closed"),
        ({"type": "click", "selector": "xpath=//a[@b='c]"}, "selector", "a ' is never closed"),
        ({"type": "click", "selector": "role=buton"}, "selector", "did you mean button?"),
        ({"type": "click", "selector": "x" * 2_001}, "selector", "must have at most 2000 characters"),
        ({"type": "click", "selector": "#a", "timeout": 0}, "timeout", "must be more than 0"),
        ({"type": "click", "selector": "#a", "timeout": 301}, "timeout", "must be at most 300"),
        ({"type": "click", "selector": "#a", "timeout": "5"}, "timeout", "must be a number"),
        ({"type": "goto", "url": "file:///etc/passwd"}, "url", "must begin with http:// or https://"),
        ({"type": "goto", "url": "FILE:/etc/passwd"}, "url", "must begin with http:// or https://"),
        ({"type": "goto", "url": " javascript:alert(1)"}, "url", "must begin with http:// or https://"),
        ({"type": "goto", "url": "javascript:{{CODE}}"}, "url", "must begin with http:// or https://"),
        ({"type": "goto", "url": "view-source:https://example.com"}, "url", "must begin with http:// or https://"),
        ({"type": "goto", "url": "https://"}, "url", "then a host"),
        ({"type": "request", "url": "ftp://example.com"}, "url", "must begin with http:// or https://"),
        ({"type": "request", "url": "/", "headers": {"Host": "x"}}, "headers.Host", "is set by Tracer itself"),
        ({"type": "request", "url": "/", "body": "a", "json": {}}, "json", "give either body or json"),
        ({"type": "request", "url": "/", "method": "TRACE"}, "method", "must be one of"),
        ({"type": "request", "url": "/", "path": "$.a"}, "variable", "is required with path"),
        (
            {"type": "request", "url": "/", "assertions": [{"type": "ttl", "operator": "equals", "value": 1}]},
            "assertions.0.type",
            "ttl says nothing about a request",
        ),
        ({"type": "select", "selector": "#a"}, "value", "give exactly one of value, label and index"),
        ({"type": "select", "selector": "#a", "value": "a", "index": 1}, "value", "give exactly one of"),
        ({"type": "upload", "selector": "#a", "filename": "../a", "content_base64": ""}, "filename", "name of a file"),
        ({"type": "upload", "selector": "#a", "filename": "a", "content_base64": "%"}, "content_base64", "not base64"),
        ({"type": "wait_for"}, "selector", "give either selector or ms"),
        ({"type": "wait_for", "ms": 400_000}, "ms", "must be at most 300000"),
        ({"type": "extract", "selector": "#a", "variable": "not a name"}, "variable", "must be a name of letters"),
        ({"type": "totp", "secret": "!!", "variable": "CODE"}, "secret", "is not base32"),
        ({"type": "expect_text", "selector": "h1", "value": "(", "operator": "matches"}, "value", "refused by RE2"),
        ({"type": "expect_text", "selector": "h1", "value": "a", "operator": "exists"}, "operator", "must be one of"),
        ({"type": "expect_count", "selector": "h1", "value": "3"}, "value", "must be a whole number"),
    ],
)
def test_what_is_wrong_with_a_step_is_said_at_its_index(wrong: dict[str, Any], field: str, said: str) -> None:
    found = fields_of(HOME, wrong)
    assert list(found) == [f"steps.1.{field}"]
    assert said in found[f"steps.1.{field}"][0]


@pytest.mark.parametrize(
    "selector",
    [
        "text=It's (almost", "role=button[name='Buy (2)']", "//a[text()='(']", '"Log in ('," .a\\[b\\] ",
        "#list >> text=1)", "input[name='a)b']", "{{MENU}}",
        "li:has-text('x') >> nth=0",
    ],
)  # fmt: skip
def test_selectors_of_every_engine_are_taken(selector: str) -> None:
    JourneyCheck.model_validate({"name": "x", "steps": [HOME, {"type": "click", "selector": selector}]})


def test_a_step_that_looks_at_a_page_needs_one() -> None:
    assert fields_of({"type": "click", "selector": "#a"}, HOME) == {
        "steps.0.type": ["click needs a page: let a goto come before it"]
    }
    assert fields_of() == {"steps": ["must have at least one step"]}


def test_a_relative_url_needs_something_it_is_relative_to() -> None:
    said = ["is relative: give the journey a base_url, or a whole URL in its first goto"]
    assert fields_of({"type": "goto", "url": "/login"}) == {"steps.0.url": said}
    whole = {"name": "x", "steps": [{"type": "goto", "url": "/login"}], "base_url": "https://example.com/app/"}
    assert JourneyCheck.model_validate(whole).base == "https://example.com/app/"
    JourneyCheck.model_validate({"name": "x", "steps": [{"type": "goto", "url": "{{SITE}}/login"}]})
    assert JourneyCheck.model_validate({"name": "x", "steps": [HOME]}).base == "https://app.example.com"


@pytest.mark.parametrize(
    ("others", "field"),
    [
        ({"interval": 9}, "interval"),
        ({"timeout": 301}, "timeout"),
        ({"variables": {"a b": "1"}}, "variables.a b"),
        ({"variables": {"A": 1}}, "variables.A"),
        ({"viewport": {"width": 10}}, "viewport.width"),
        ({"user_agent": "a\nb"}, "user_agent"),
        ({"extra_headers": {"A": "b\r\nC: d"}}, "extra_headers.A"),
        ({"base_url": "file:///tmp"}, "base_url"),
        ({"assertions": [{"type": "status_code", "operator": "equals", "value": 200}]}, "assertions.0.type"),
        ({"url": "https://example.com"}, "url"),
    ],
)
def test_fields_beyond_their_limits_are_refused(others: dict[str, Any], field: str) -> None:
    assert list(fields_of(HOME, **others)) == [field]


def test_ten_thousand_steps_are_refused_in_one_sentence() -> None:
    assert fields_of(*[HOME] * 10_000) == {"steps": ["must have at most 200 entries"]}


def test_secrets_leave_a_journey_and_come_back() -> None:
    given: Sequence[dict[str, Any]] = [
        HOME,
        {"type": "totp", "secret": "JBSWY3DPEHPK3PXP", "variable": "CODE"},
        {"type": "request", "url": "/", "headers": {"X-Api.Key": "k1", "Accept": "*/*", "X-Token": "{{TOKEN}}"}},
        {"type": "totp", "secret": "{{SEED}}", "variable": "CODE"},
    ]
    whole = JourneyCheck.model_validate(
        {**LOGIN, "steps": given, "extra_headers": {"Authorization": "Bearer x", "Accept-Language": "de"}}
    ).model_dump(mode="json", by_alias=True)
    public, secrets = split(whole)
    assert secrets == {
        "variables.PASSWORD": "test123",
        "extra_headers.Authorization": "Bearer x",
        "steps.1.secret": "JBSWY3DPEHPK3PXP",
        "steps.2.headers.X-Api.Key": "k1",
    }
    assert public["steps"][1]["secret"] == MASK
    assert public["steps"][2]["headers"] == {"X-Api.Key": MASK, "Accept": "*/*", "X-Token": "{{TOKEN}}"}
    assert public["steps"][3]["secret"] == "{{SEED}}"
    assert whole["steps"][1]["secret"] == "JBSWY3DPEHPK3PXP", "the input is kept"
    assert join(public, secrets) == whole
    JourneyCheck.model_validate(public)


def test_definitions_are_read_without_loading_a_browser_s_driver() -> None:
    asked = "import sys, journeys.definition; print([name for name in sys.modules if name.startswith('playwright')])"
    printed = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"

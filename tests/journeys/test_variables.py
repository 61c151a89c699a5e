"""`{{NAME}}`: what is replaced, what is missed, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from journeys.one_time import parse_seed
from journeys.registry import AnyStep
from journeys.steps.base import Step
from journeys.urls import Base
from journeys.variables import UndefinedVariableError, fill_in, names_used, undefined
from model.hosts import BadHostError

_STEP: TypeAdapter[Step] = TypeAdapter(AnyStep)


def step(**fields: Any) -> Step:
    return _STEP.validate_python(fields)


def test_every_string_of_a_step_is_filled_in_but_its_name() -> None:
    given = step(
        type="request",
        name="{{A}}",
        url="https://{{A}}.example.com/",
        headers={"X-A": "1{{A}}2{{ A }}"},
        json={"a": ["{{A}}", 5, {"b": "{{A}}"}], "{{A}}": None},
        assertions=[{"type": "body", "operator": "contains", "value": "{{A}}"}],
    )
    filled: Any = fill_in(given, {"A": "x"})
    assert (filled.name, filled.url) == ("{{A}}", "https://x.example.com/")
    assert filled.headers == {"X-A": "1x2x"}
    assert filled.json_body == {"a": ["x", 5, {"b": "x"}], "x": None}
    assert filled.assertions[0].value == "x"


def test_a_value_is_typed_as_it_is_even_if_it_looks_like_a_name() -> None:
    given = step(type="fill", selector="#a", value="{{A}}")
    assert getattr(fill_in(given, {"A": "{{B}} {{A}} {{7*7}}", "B": "no"}), "value", None) == "{{B}} {{A}} {{7*7}}"


@pytest.mark.parametrize("text", ["{{7*7}}", "{{''.__class__}}", "{A}", "{{ A", "${A}", "{{A B}}", "{{A-B}}"])
def test_what_is_no_name_is_left_alone(text: str) -> None:
    given = step(type="fill", selector="#a", value=text)
    assert fill_in(given, {"A": "x", "B": "y"}) is given
    assert names_used([given]) == ()


def test_a_name_that_nothing_defines_is_named() -> None:
    with pytest.raises(UndefinedVariableError, match="MISSING}} is used"):
        fill_in(step(type="fill", selector="#a", value="{{MISSING}}"), {"A": "x"})


def test_names_are_defined_by_variables_and_by_the_steps_before() -> None:
    steps = [
        step(type="goto", url="{{SITE}}/{{ORDER}}"),
        step(type="extract", selector="#order", variable="ORDER"),
        step(type="goto", url="{{SITE}}/{{ORDER}}/{{CODE}}"),
    ]
    assert names_used(steps) == ("SITE", "ORDER", "CODE")
    assert undefined(steps, {"SITE": ""}) == ((0, "ORDER"), (2, "CODE"))


def test_what_comes_out_is_judged_like_what_a_person_writes() -> None:
    with pytest.raises(ValidationError, match="must begin with http"):
        fill_in(step(type="goto", url="{{SITE}}"), {"SITE": "javascript:alert(1)"})


def test_urls_are_relative_to_the_base_and_move_with_it() -> None:
    stays = Base("https://shop.example.com/app/")
    assert stays.resolve("cart") == "https://shop.example.com/app/cart"
    assert stays.resolve("/login") == "https://shop.example.com/login"
    assert stays.resolve("https://other.example.com/") == "https://other.example.com/"
    moved = Base("https://shop.example.com", "http://127.0.0.1:3000/pr-7/")
    assert moved.resolve("cart") == "http://127.0.0.1:3000/pr-7/cart"
    assert moved.resolve("https://shop.example.com/a?b#c") == "http://127.0.0.1:3000/a?b#c"
    assert moved.resolve("HTTPS://SHOP.example.com") == "http://127.0.0.1:3000"
    assert moved.resolve("https://shop.example.com.evil.example/") == "https://shop.example.com.evil.example/"
    assert moved.moved("https://shop.example.com/**") == "http://127.0.0.1:3000/**"
    with pytest.raises(BadHostError):
        stays.resolve("javascript:alert(1)")


def test_one_time_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, its 8-digit codes."""
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    url = f"otpauth://totp/Example:me?secret={seed}&digits=8&period=30&algorithm=SHA1"
    assert [parse_seed(url).code_at(now) for now in (59, 1111111109, 20000000000)] == [
        "94287082",
        "07081804",
        "65353130",
    ]
    assert parse_seed("gezd gnbv gy3t qojq GEZD-GNBV-GY3T-QOJQ").code_at(59) == "287082"
    with pytest.raises(ValueError, match="otpauth://totp/"):
        parse_seed(f"otpauth://hotp/x?secret={seed}")

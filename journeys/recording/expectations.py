"""`expect(…).to_be_visible()` and its kin, as steps."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from journeys.recording.actions import Given, StepFields, only, with_timeout
from journeys.recording.literals import NotTaken, Regex, pattern_of, shown, value_of
from journeys.recording.locators import Target

_CHECKED = ':is(:checked, [aria-checked="true"])'
_OPPOSITE = {
    "to_be_hidden": "to_be_visible",
    "to_be_visible": "to_be_hidden",
    "to_be_checked": "to_be_unchecked",
    "to_be_empty": "to_be_filled",
}
_NEGATED = {"equals": "not_equals", "contains": "not_contains", "matches": "not_matches"}


def expectation(target: Target, method: str, args: list[ast.expr], options: Given) -> StepFields:
    """The step for `expect(target).method(args)`. Raises NotTaken."""
    name, negated = (method[4:], True) if method.startswith("not_to_") else (method, False)
    if negated and name in _OPPOSITE:
        name, negated = _OPPOSITE[name], False
    make = (_OF_ELEMENTS if target.parts else _OF_PAGES).get(name)
    if make is None or (negated and name not in _TEXTS):
        raise NotTaken(f"a journey has no step for {method}()")
    fields = make(target, args, options)
    if negated:
        fields["operator"] = _NEGATED[fields["operator"]]
    if target.frame:
        fields["frame"] = target.frame
    return with_timeout(fields, options)


def _visible(target: Target, args: list[ast.expr], options: Given) -> StepFields:
    _no_values(args, options)
    return {"type": "expect_visible", "selector": target.selector}


def _hidden(target: Target, args: list[ast.expr], options: Given) -> StepFields:
    _no_values(args, options)
    return {"type": "expect_hidden", "selector": target.selector}


def _checked(state: str) -> Callable[[Target, list[ast.expr], Given], StepFields]:
    """An element that is what the locator finds and checked, or not, is seen."""

    def make(target: Target, args: list[ast.expr], options: Given) -> StepFields:
        _no_values(args, options)
        condition = _CHECKED if state == "checked" else f":not({_CHECKED})"
        return {"type": "expect_visible", "selector": target.within(f"css=:scope{condition}").selector}

    return make


def _empty(target: Target, args: list[ast.expr], options: Given) -> StepFields:
    _no_values(args, options)
    return {"type": "expect_value", "selector": target.selector, "value": "", "operator": "equals"}


def _filled(target: Target, args: list[ast.expr], options: Given) -> StepFields:
    return {**_empty(target, args, options), "operator": "not_equals"}


def _text(kind: str, operator: str) -> Callable[[Target, list[ast.expr], Given], StepFields]:
    def make(target: Target, args: list[ast.expr], options: Given) -> StepFields:
        only(options)
        if len(args) != 1:
            raise NotTaken("it names no text")
        wanted = pattern_of(args[0])
        fields: StepFields = {"type": kind, "value": wanted, "operator": operator}
        if isinstance(wanted, Regex):
            fields |= {"value": wanted.for_values, "operator": "matches"}
        return {"type": kind, "selector": target.selector, **fields} if target.parts else fields

    return make


def _count(target: Target, args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    if len(args) != 1 or not isinstance(number := value_of(args[0]), int):
        raise NotTaken("it names no number")
    return {"type": "expect_count", "selector": target.selector, "value": number}


def _no_values(args: list[ast.expr], options: Given) -> None:
    only(options)
    if args:
        raise NotTaken(f"{shown(args[0])} can't be taken")


_TEXTS = frozenset({"to_have_text", "to_contain_text", "to_have_value", "to_have_url", "to_have_title"})
_OF_ELEMENTS: Mapping[str, Callable[[Target, list[ast.expr], Given], StepFields]] = {
    "to_be_visible": _visible,
    "to_be_hidden": _hidden,
    "to_be_checked": _checked("checked"),
    "to_be_unchecked": _checked("unchecked"),
    "to_be_empty": _empty,
    "to_be_filled": _filled,
    "to_have_text": _text("expect_text", "equals"),
    "to_contain_text": _text("expect_text", "contains"),
    "to_have_value": _text("expect_value", "equals"),
    "to_have_count": _count,
}
_OF_PAGES: Mapping[str, Callable[[Target, list[ast.expr], Given], StepFields]] = {
    "to_have_url": _text("expect_url", "equals"),
    "to_have_title": _text("expect_title", "equals"),
}

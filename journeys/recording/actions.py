"""What a recorded script does to pages and elements, as steps: one entry for each method."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from journeys.recording.literals import NotTaken, Regex, pattern_of, shown, text_of, value_of
from journeys.recording.locators import Target

StepFields = dict[str, Any]
Given = Mapping[str, ast.expr]
"""Options of a call, by name."""
_MOST_OF_A_NAME = 80
_HARMLESS = frozenset({"no_wait_after", "delay", "wait_until", "strict", "path", "full_page"})
"""They change how something is done, not what."""


def action(target: Target, method: str, args: list[ast.expr], options: Given) -> StepFields | None:
    """The step for a call; None for one that a journey needs no step for. Raises NotTaken."""
    if not target.parts and not target.frames and method in _OF_PAGES:
        fields = _OF_PAGES[method](args, options)
        return None if fields is None else with_timeout(fields, options)
    if not target.parts and method in _OF_ELEMENTS and args:  # the older page.click("#buy")
        target, args = target.within(text_of(args[0])), args[1:]
    make = _OF_ELEMENTS.get(method)
    if make is None or not target.parts:
        raise NotTaken(_WHY_NOT.get(method, f"a journey has no step for {method}()"))
    fields = {"type": "", "selector": target.selector, **make(args, options)}
    if target.frame:
        fields["frame"] = target.frame
    return with_timeout(fields, options)


def with_timeout(fields: StepFields, options: Given) -> StepFields:
    """Playwright counts in ms, steps in s."""
    if "timeout" not in options:
        return fields
    return {**fields, "timeout": _number(options["timeout"]) / 1000}


def named(step: StepFields, target: Target) -> StepFields:
    """The step as people call it, `fill Email`, where its selector is more than they would like to read."""
    if not target.called or "selector" not in step:
        return step
    called = target.called if len(target.called) <= _MOST_OF_A_NAME else f"{target.called[: _MOST_OF_A_NAME - 1]}…"
    return {"type": step["type"], "name": f"{step['type'].replace('_', ' ')} {called}", **step}


def only(options: Given, *known: str) -> None:
    """Raises NotTaken for an option that would be lost."""
    for name, node in options.items():
        if name not in known and name not in _HARMLESS and name != "timeout":
            raise NotTaken(f"a journey's step has no {name}={shown(node)}")


def _plain(kind: str) -> Callable[[list[ast.expr], Given], StepFields]:
    def make(args: list[ast.expr], options: Given) -> StepFields:
        only(options)
        _count(args, 0)
        return {"type": kind}

    return make


def _fill(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 1)
    return {"type": "fill", "value": text_of(args[0])}


def _clear(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 0)
    return {"type": "fill", "value": ""}


def _press(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 1)
    return {"type": "press", "key": text_of(args[0])}


def _set_checked(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 1)
    return {"type": "check" if value_of(args[0]) is True else "uncheck"}


def _select(args: list[ast.expr], options: Given) -> StepFields:
    only(options, "value", "label", "index")
    given = {name: options[name] for name in ("value", "label", "index") if name in options}
    if len(args) == 1 and not given:
        given = {"value": args[0]}
    if args[1:] or len(given) != 1:
        raise NotTaken("a step selects one option")
    [(name, node)] = given.items()
    value = value_of(node)
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise NotTaken("a step selects one option")
    return {"type": "select", name: value}


def _wait_for(args: list[ast.expr], options: Given) -> StepFields:
    only(options, "state")
    _count(args, 0)
    state = text_of(options["state"]) if "state" in options else "visible"
    if state not in ("visible", "hidden"):
        raise NotTaken(f"a step waits until an element is visible or hidden, not {state}")
    return {"type": "wait_for" if state == "visible" else "expect_hidden"}


_OF_ELEMENTS: Mapping[str, Callable[[list[ast.expr], Given], StepFields]] = {
    "click": _plain("click"),
    "dblclick": _plain("double_click"),
    "hover": _plain("hover"),
    "check": _plain("check"),
    "uncheck": _plain("uncheck"),
    "set_checked": _set_checked,
    "fill": _fill,
    "clear": _clear,
    "press": _press,
    "select_option": _select,
    "wait_for": _wait_for,
    "wait_for_selector": _wait_for,
}


def _goto(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 1)
    return {"type": "goto", "url": text_of(args[0])}


def _pause(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 1)
    return {"type": "wait_for", "ms": _number(args[0])}


def _wait_for_url(args: list[ast.expr], options: Given) -> StepFields:
    only(options)
    _count(args, 1)
    wanted = pattern_of(args[0])
    if isinstance(wanted, Regex):
        return {"type": "expect_url", "value": wanted.for_values, "operator": "matches"}
    return {"type": "wait_for_url", "url": wanted}


def _nothing(_: list[ast.expr], __: Given) -> None:
    """A journey does so by itself, or has no need for it."""


def _once(args: list[ast.expr], options: Given) -> None:
    """Dialogs are dismissed by themselves."""
    if len(args) == 2 and not options and isinstance(args[1], ast.Lambda):
        event, answer = value_of(args[0]), ast.unparse(args[1].body)
        if event == "dialog" and answer == "dialog.dismiss()":
            return
    raise NotTaken("a journey dismisses dialogs, and listens to nothing else")


_OF_PAGES: Mapping[str, Callable[[list[ast.expr], Given], StepFields | None]] = {
    "goto": _goto,
    "screenshot": _plain("screenshot"),
    "wait_for_timeout": _pause,
    "wait_for_url": _wait_for_url,
    "close": _nothing,
    "pause": _nothing,
    "once": _once,
    "on": _once,
}
_WHY_NOT = {
    "set_input_files": "the file is not in the script: add an upload step with its content (content_base64)",
    "type": "a journey fills fields at once: use fill()",
    "press_sequentially": "a journey fills fields at once: use fill()",
    "reload": "a journey has no step for reload(): use goto()",
    "go_back": "a journey has no step for go_back(): use goto()",
    "go_forward": "a journey has no step for go_forward(): use goto()",
    "wait_for_load_state": "each step waits for what it needs: use wait_for() with an element of the page",
}


def press_anywhere(args: list[ast.expr], options: Given) -> StepFields:
    """`page.keyboard.press("Enter")`: wherever the focus is."""
    return _press(args, options)


def _number(node: ast.expr) -> int | float:
    value = value_of(node)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise NotTaken(f"{shown(node)} is no number")
    return value


def _count(args: list[ast.expr], wanted: int) -> None:
    if len(args) != wanted:
        raise NotTaken(f"it has {len(args)} values where {wanted or 'none'} can be taken")

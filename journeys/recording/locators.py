"""Playwright's locators (`page.get_by_role("button", name="Sign in")`) as the selector strings that steps take.

Playwright's public selector engines say most of it. Labels, `filter`, `and_` and `or_` have none: there it is the
engine that Playwright's own locators are made of.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from journeys.recording.literals import NotTaken, Regex, pattern_of, shown, text_of, value_of
from journeys.selectors import FRAME_IN_FRAME

_PLAIN_START = frozenset("\"'`/ ")
_ROLE_STATES = {
    "checked": "checked", "disabled": "disabled", "expanded": "expanded", "include_hidden": "include-hidden",
    "level": "level", "pressed": "pressed", "selected": "selected",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """An element, or the page itself while `parts` is empty. `frames`: selectors of the frames it lies in. `window`:
    the number of its window. `called`: the element as people call it, "" where the script has only a selector."""

    parts: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    window: int = 0
    called: str = ""

    @property
    def selector(self) -> str:
        return " >> ".join(self.parts)

    @property
    def frame(self) -> str | None:
        return FRAME_IN_FRAME.join(self.frames) or None

    def within(self, part: str, called: str | None = None) -> Target:
        """What `part` finds inside this, or of this. `called`: what people call it; None where it stays the same."""
        return replace(self, parts=(*self.parts, part), called=self.called if called is None else called)

    def in_frame(self, part: str | None = None) -> Target:
        """The page inside the frame that this is, or that `part` finds inside this."""
        parts = self.parts if part is None else (*self.parts, part)
        if not parts:
            raise NotTaken("no frame is named")
        return replace(self, parts=(), frames=(*self.frames, " >> ".join(parts)), called="")


Pages = Mapping[str, "Target | str"]
"""What a name of the script means: a place to begin from, or why nothing can begin there."""
Options = Mapping[str, ast.expr]


def target_of(node: ast.expr, names: Pages) -> Target:
    """The element that an expression leads to. Raises NotTaken."""
    if isinstance(node, ast.Name):
        found = names.get(node.id, f"it is not known what {node.id} is")
        if isinstance(found, str):
            raise NotTaken(found)
        return found
    if isinstance(node, ast.Attribute):
        return _attribute(target_of(node.value, names), node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        method = node.func.attr
        make = _METHODS.get(method)
        if make is None:
            raise NotTaken(f"{method}() finds nothing that a selector could find")
        before = target_of(node.func.value, names)
        options = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        if len(options) != len(node.keywords):
            raise NotTaken(f"{shown(node)} takes options that are known only when the script runs")
        return make(_Call(before, method, node.args, options, names))
    raise NotTaken(f"{shown(node)} is no locator")


@dataclass(frozen=True)
class _Call:
    before: Target
    method: str
    args: list[ast.expr]
    options: Options
    names: Pages

    def argument(self) -> ast.expr:
        if len(self.args) != 1:
            raise NotTaken(f"{self.method}() names nothing to look for")
        return self.args[0]

    def only(self, *known: str) -> None:
        unknown = [name for name in self.options if name not in known]
        if unknown:
            raise NotTaken(f"{self.method}() takes the option {unknown[0]}, which selectors have no word for")

    @property
    def exact(self) -> bool:
        return "exact" in self.options and value_of(self.options["exact"]) is True


def _attribute(before: Target, node: ast.Attribute) -> Target:
    if node.attr in ("first", "last"):
        return before.within("nth=0" if node.attr == "first" else "nth=-1")
    if node.attr == "content_frame":
        return before.in_frame()
    raise NotTaken(f"{shown(node)} is no locator")


def _locator(call: _Call) -> Target:
    call.only("has_text", "has_not_text", "has", "has_not")
    found = call.argument()
    inner = _inner(found, call) if not isinstance(found, ast.Constant) else text_of(found)
    return _filtered(call.before.within(inner, ""), call)


def _filter(call: _Call) -> Target:
    call.only("has_text", "has_not_text", "has", "has_not", "visible")
    return _filtered(call.before, call)


def _filtered(target: Target, call: _Call) -> Target:
    for name, node in call.options.items():
        target = target.within(_condition(name, node, call))
    return target


def _condition(name: str, node: ast.expr, call: _Call) -> str:
    """A part of a selector that keeps of what was found so far what fits an option."""
    if name == "visible":
        return f"visible={json.dumps(value_of(node) is True)}"
    engine = f"internal:{name.replace('_', '-')}"
    if not name.endswith("text"):
        return f"{engine}={_json(_inner(node, call))}"
    text = pattern_of(node)
    if isinstance(text, Regex):
        return f"{engine}={text.for_selectors}"
    has = f":has-text({_quoted(text)})"
    return f":scope{has}" if name == "has_text" else f":scope:not({has})"


def _by_role(call: _Call) -> Target:
    call.only("name", "exact", *_ROLE_STATES)
    role = called = text_of(call.argument())
    selector = f"role={role}"
    for name, node in call.options.items():
        if name in _ROLE_STATES:
            value = value_of(node)
            if not isinstance(value, bool | int):
                raise NotTaken(f"{name}={shown(node)} is neither a number nor true or false")
            selector += f"[{_ROLE_STATES[name]}={json.dumps(value)}]"
    if "name" in call.options:
        name_ = pattern_of(call.options["name"])
        called = _called(name_)
        if isinstance(name_, Regex):
            selector += f"[name={name_.for_selectors}]"
        else:  # as Playwright has it: a part of the name in any case, or the whole of it
            selector += f"[name={_quoted(name_)}]" if call.exact else f"[name*={_quoted(name_)}i]"
    return call.before.within(selector, called)


def _by_text(call: _Call) -> Target:
    call.only("exact")
    text = pattern_of(call.argument())
    called = _called(text)
    if isinstance(text, Regex):
        return call.before.within(f"text={text.for_selectors}", called)
    if call.exact:  # `text="x"` would pass over an element of which a part is bold
        return call.before.within(f"internal:text={_json(text)}s", called)
    plain = text.strip() == text and text[:1] not in _PLAIN_START and ">>" not in text and "\n" not in text
    return call.before.within(f"text={text}" if plain and text else f":text({_quoted(text)})", called)


def _by_label(call: _Call) -> Target:
    call.only("exact")
    label = pattern_of(call.argument())
    said = f"{_json(label)}s" if call.exact and isinstance(label, str) else _loose(label)
    return call.before.within(f"internal:label={said}", _called(label))


def _by_attribute(attribute: str) -> Callable[[_Call], Target]:
    def make(call: _Call) -> Target:
        call.only("exact")
        value = pattern_of(call.argument())
        called = _called(value)
        if isinstance(value, Regex):
            return call.before.within(f"internal:attr=[{attribute}={value.for_selectors}]", called)
        if not (call.exact or value.isascii()):  # to CSS Ü and ü differ also where case does not matter
            return call.before.within(f"internal:attr=[{attribute}={_quoted(value)}i]", called)
        said = f"={_quoted(value)}" if call.exact else f"*={_quoted(value)} i"
        return call.before.within(f"[{attribute}{said}]", called)

    return make


def _by_test_id(call: _Call) -> Target:
    call.only()
    value = pattern_of(call.argument())
    if isinstance(value, Regex):
        return call.before.within(f"internal:testid=[data-testid={value.for_selectors}]", _called(value))
    return call.before.within(f"[data-testid={_quoted(value)}]", _called(value))


def _nth(call: _Call) -> Target:
    call.only()
    place = value_of(call.argument())
    if not isinstance(place, int):
        raise NotTaken(f"{shown(call.argument())} is no place")
    return call.before.within(f"nth={place}")


def _frame_locator(call: _Call) -> Target:
    call.only()
    return call.before.in_frame(text_of(call.argument()))


def _both(engine: str) -> Callable[[_Call], Target]:
    def make(call: _Call) -> Target:
        call.only()
        return call.before.within(f"internal:{engine}={_json(_inner(call.argument(), call))}")

    return make


_METHODS: Mapping[str, Callable[[_Call], Target]] = {
    "locator": _locator,
    "get_by_role": _by_role,
    "get_by_text": _by_text,
    "get_by_label": _by_label,
    "get_by_placeholder": _by_attribute("placeholder"),
    "get_by_alt_text": _by_attribute("alt"),
    "get_by_title": _by_attribute("title"),
    "get_by_test_id": _by_test_id,
    "nth": _nth,
    "filter": _filter,
    "frame_locator": _frame_locator,
    "and_": _both("and"),
    "or_": _both("or"),
}


def _inner(node: ast.expr, call: _Call) -> str:
    """A locator given to another one."""
    inner = target_of(node, call.names)
    if not inner.parts or (inner.frames, inner.window) != (call.before.frames, call.before.window):
        raise NotTaken(f"{shown(node)} is in another frame")
    return inner.selector


def _called(text: str | Regex) -> str:
    return " ".join((text.source if isinstance(text, Regex) else text).split())


def _loose(text: str | Regex) -> str:
    return text.for_selectors if isinstance(text, Regex) else f"{_json(text)}i"


def _json(text: Any) -> str:
    """A text as Playwright's own engines read it, without the `>>` that would end a part of a selector."""
    return json.dumps(text.for_selectors if isinstance(text, Regex) else text, ensure_ascii=False).replace(
        ">>", "\\u003e\\u003e"
    )


def _quoted(text: str) -> str:
    """A text as CSS, `role=` and `text=` read it."""
    said = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace(">>", "\\>\\>")
    return f'"{said}"'

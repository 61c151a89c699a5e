"""A script that `playwright codegen --target python` (or python-async, python-pytest) wrote, as the steps of a journey.

It is parsed and never run. Whatever in it has no step is named with its line; what only starts and ends a browser needs
none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from journeys.recording.actions import StepFields, action, named, press_anywhere
from journeys.recording.context import Context, launched, outside_of_pages
from journeys.recording.expectations import expectation
from journeys.recording.literals import NotTaken, shown
from journeys.recording.locators import Target, target_of
from journeys.recording.typed_secrets import SecretNames
from journeys.recording.windows import Windows
from journeys.registry import AnyStep
from journeys.variables import names_in
from model.validation import field_errors

MOST_CHARACTERS = 1_000_000
_STEP: TypeAdapter[Any] = TypeAdapter(AnyStep)
_STARTERS = frozenset({"run", "main", "asyncio.run"})
_OTHER_WINDOW = "it is in a window that the script opens by itself, and a journey has those that a page opens"
_NO_WINDOW = "the step that opens its window could not be taken"
_JAVASCRIPT = re.compile(
    r"^\s*(?:import [^\n]* from ['\"]|(?:const|let) \w|const \{|await page\.|test\(|\(async \()", re.MULTILINE
)
_AS_PYTHON = "record with `playwright codegen --target python`"
_POPUP = frozenset({"expect_popup", "expect_page"})
_OF_WITH = {"expect_download": "that a file is downloaded here is not looked at"}


class Line(NamedTuple):
    """A line of the script, from 1, and what is to be said of it."""

    number: int
    text: str


class NoScriptError(ValueError):
    """Not Python at all; the text is a sentence with its line."""


@dataclass
class Recording:
    """`fields`: what the journey has beside its steps (`viewport`, `user_agent`, …). `variables`: passwords that the
    script types, by the name that stands in the steps. `left`: lines that could not be taken. `notes`: lines that were
    taken otherwise than they stand there."""

    steps: list[StepFields] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    left: list[Line] = field(default_factory=list)
    notes: list[Line] = field(default_factory=list)


def read_script(text: str) -> Recording:
    """Raises NoScriptError."""
    if len(text) > MOST_CHARACTERS:
        raise NoScriptError(f"it is longer than {MOST_CHARACTERS} characters")
    reader = _Reader()
    try:
        script = ast.parse(text)
        uses = sorted((node.lineno, node.id) for node in ast.walk(script) if isinstance(node, ast.Name))
        reader.windows.last_use = {name: line for line, name in uses}
        for statement in script.body:
            reader.statement(statement)
    except SyntaxError as error:
        if _JAVASCRIPT.search(text):
            raise NoScriptError(f"it is JavaScript: {_AS_PYTHON}") from None
        raise NoScriptError(f"line {error.lineno or 1} is not Python: {error.msg}; {_AS_PYTHON}") from None
    except (ValueError, MemoryError) as error:
        raise NoScriptError(f"it is not Python: {error or type(error).__name__}") from None
    except RecursionError:
        raise NoScriptError("it is nested too deeply") from None
    recording = reader.recording
    recording.fields, recording.variables = reader.context.fields, reader.secrets.values
    recording.left += [Line(window.line, window.said) for window in reader.windows.stay_open]
    recording.left.sort()
    return recording


class _Reader:
    """`names`: what the script's names stand for. `outside`: names of browsers and contexts. `window_opened`: the
    script has asked for a page of its own."""

    def __init__(self) -> None:
        self.recording = Recording()
        self.context = Context()
        self.secrets = SecretNames()
        self.windows = Windows()
        self._names: dict[str, Target | str] = {"page": Target()}
        self._outside = {"browser", "context", "playwright"}
        self._window_opened = False
        self._test: str | None = None

    def statement(self, node: ast.stmt) -> None:
        """One statement with all that it holds."""
        with self._naming(node):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(node)
            elif isinstance(node, ast.With | ast.AsyncWith):
                self._with(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                self._assigned(node)
            elif isinstance(node, ast.Expr):
                self._called(_awaited(node.value))
            elif not _needless(node):
                raise NotTaken(f"`{shown(node)}` is code, and a journey is only steps")

    @contextmanager
    def _naming(self, node: ast.stmt) -> Iterator[None]:
        try:
            yield
        except NotTaken as reason:
            self._leave(node, str(reason))

    def _leave(self, node: ast.stmt, *reasons: str) -> None:
        self.recording.left += [Line(node.lineno, reason) for reason in reasons]

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name == "browser_context_args":
            self._leave(node, *self._fixture(node))
            return
        if node.name.startswith("test"):
            if self._test is not None:
                raise NotTaken(f"a journey is one path: {self._test} is taken, {node.name} is a journey of its own")
            self._test = node.name
        elif node.name not in _STARTERS:
            raise NotTaken(f"the function {node.name} is code, and a journey is only steps")
        for statement in node.body:
            self.statement(statement)

    def _fixture(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
        """pytest-playwright's way to the options of `new_context`."""
        for statement in node.body:
            if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Dict):
                pairs = zip(statement.value.keys, statement.value.values, strict=True)
                given = [(_key(key), value) for key, value in pairs]
                yield from self.context.options([pair for pair in given if not _is(pair[1], "browser_context_args")])
            else:
                yield f"`{shown(statement)}` is code, and a journey is only steps"

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            call = _awaited(item.context_expr)
            method = _method(call)
            if method in _OF_WITH:
                self._leave(node, _OF_WITH[method])
                if isinstance(item.optional_vars, ast.Name):
                    self._names[item.optional_vars.id] = _OF_WITH[method]
            elif method not in (*_POPUP, "sync_playwright", "async_playwright", "expect_navigation"):
                self._leave(node, f"`{shown(call)}` is code, and a journey is only steps")
        before = len(self.recording.steps)
        for statement in node.body:
            self.statement(statement)
        for item in node.items:
            if _method(_awaited(item.context_expr)) in _POPUP:
                self._opened(item.optional_vars, by_a_step=len(self.recording.steps) > before)

    def _opened(self, name: ast.expr | None, *, by_a_step: bool) -> None:
        """A window that a page opens, which the script knows by this name."""
        target = Target(window=self.windows.open()) if by_a_step else _NO_WINDOW
        if isinstance(name, ast.Name):
            self._names[name.id] = target

    def _assigned(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if len(targets) != 1 or not isinstance(targets[0], ast.Name) or node.value is None:
            raise NotTaken(f"`{shown(node)}` is code, and a journey is only steps")
        name, value = targets[0].id, _awaited(node.value)
        method = _method(value)
        if isinstance(value, ast.Call) and method in ("launch", "new_context"):
            self._outside.add(name)
            given = [(keyword.arg, keyword.value) for keyword in value.keywords]
            self._leave(node, *(launched(value) if method == "launch" else self.context.options(given)))
        elif isinstance(value, ast.Call) and method == "new_page":
            self._names[name] = _OTHER_WINDOW if self._window_opened else Target()
            if self._window_opened:
                raise NotTaken("a journey opens no window by itself: what happens in this one is left out")
            self._window_opened = True
        elif isinstance(value, ast.Attribute) and value.attr == "value" and isinstance(value.value, ast.Name):
            self._names[name] = found = self._names.get(value.value.id, _OTHER_WINDOW)
            if isinstance(found, Target) and not found.parts:
                self.windows.name(found.window, name)
        else:
            self._names[name] = target_of(value, self._names)

    def _called(self, call: ast.expr) -> None:
        if isinstance(call, ast.Constant):
            return  # a docstring
        if not isinstance(call, ast.Call):
            raise NotTaken(f"`{shown(call)}` is code, and a journey is only steps")
        function = call.func
        if ast.unparse(function) in _STARTERS:
            return
        if not isinstance(function, ast.Attribute):
            raise NotTaken(f"`{shown(call)}` is code, and a journey is only steps")
        options = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
        if len(options) != len(call.keywords):
            raise NotTaken(f"`{shown(call)}` takes options that are known only when the script runs")
        receiver, method = function.value, function.attr
        if _root(receiver) in self._outside:
            outside_of_pages(method)
        elif method == "close" and isinstance(receiver, ast.Name):
            closed = self._names.get(receiver.id)
            if isinstance(closed, Target):
                self.windows.close(closed.window, call.lineno)
        elif isinstance(receiver, ast.Call) and _is(receiver.func, "expect") and receiver.args:
            target = target_of(receiver.args[0], self._names)
            self._add(call, target, expectation(target, method, call.args, options))
        elif isinstance(receiver, ast.Attribute) and receiver.attr in ("keyboard", "mouse", "touchscreen"):
            target = target_of(receiver.value, self._names)
            if (receiver.attr, method) != ("keyboard", "press"):
                raise NotTaken(f"a journey has no step for {receiver.attr}.{method}()")
            self._add(call, target, press_anywhere(call.args, options))
        elif method == "set_viewport_size":
            self.context.size(call.args)
        else:
            target = target_of(receiver, self._names)
            step = action(target, method, call.args, options)
            if step is not None:
                self._add(call, target, step)

    def _add(self, call: ast.Call, target: Target, step: StepFields) -> None:
        step = named(step, target)
        looks_used = next(names_in(step), None)
        if looks_used is not None:
            raise NotTaken(f"a journey would read {{{{{looks_used}}}}} as a variable")
        try:
            _STEP.validate_python(step)
        except ValidationError as error:
            path, messages = next(iter(field_errors(error).items()))
            raise NotTaken(f"{path} {messages[0]}") from None
        self.windows.step_in(target.window, step["type"], call.lineno)
        kept, name = self.secrets.kept(step)
        if name is not None:
            kept_as = f"what is typed here is kept as the variable {name}, which is a secret"
            self.recording.notes.append(Line(call.lineno, kept_as))
        self.recording.steps.append(kept)


def _awaited(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Await) else node


def _method(node: ast.expr) -> str:
    """The last name of a call, "" of anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _key(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _needless(node: ast.stmt) -> bool:
    """Imports, `pass`, and what starts a script."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test).startswith("__name__")
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)

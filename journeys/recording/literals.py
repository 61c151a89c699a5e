"""What stands in a recorded script as plain values: texts, numbers, lists, regular expressions. Read, never run."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any


class NotTaken(Exception):  # noqa: N818 - what becomes of a line, not a mistake of ours
    """A line that a journey has no step for; the text says why, as the end of a sentence."""


@dataclass(frozen=True)
class Regex:
    """An expression as JavaScript writes it. `flags`: of `i`, `m`, `s`."""

    source: str
    flags: str

    @property
    def for_selectors(self) -> str:
        """`/source/flags`, with each slash in it marked as its own."""
        source = _ESCAPED_OR_SLASH.sub(lambda found: found[0] if len(found[0]) > 1 else r"\/", self.source)
        return f"/{source}/{self.flags}"

    @property
    def for_values(self) -> str:
        """As RE2 reads it, which `matches` takes."""
        return f"(?{self.flags}){self.source}" if self.flags else self.source


_FLAGS = {"I": "i", "IGNORECASE": "i", "M": "m", "MULTILINE": "m", "S": "s", "DOTALL": "s"}
_ESCAPED_OR_SLASH = re.compile(r"\\.|/", re.DOTALL)
_ONLY_PYTHON = re.compile(r"\(\?P|\(\?#|\(\?\(|\\[AZ]|\(\?[a-zA-Z]+\)")


def value_of(node: ast.expr) -> Any:
    """A literal, or re.compile(…) as Regex. Raises NotTaken."""
    if isinstance(node, ast.Call):
        return _regex(node)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise NotTaken(f"{shown(node)} is known only when the script runs") from None


def text_of(node: ast.expr) -> str:
    """A literal text. Raises NotTaken."""
    value = value_of(node)
    if not isinstance(value, str):
        raise NotTaken(f"{shown(node)} is no text")
    return value


def pattern_of(node: ast.expr) -> str | Regex:
    """A literal text, or an expression. Raises NotTaken."""
    value = value_of(node)
    if not isinstance(value, str | Regex):
        raise NotTaken(f"{shown(node)} is neither a text nor a regular expression")
    return value


def shown(node: ast.AST, limit: int = 60) -> str:
    """The code, in one line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _regex(call: ast.Call) -> Regex:
    if ast.unparse(call.func) != "re.compile" or not call.args or call.keywords or len(call.args) > 2:
        raise NotTaken(f"{shown(call)} is known only when the script runs")
    source = text_of(call.args[0])
    if _ONLY_PYTHON.search(source):
        raise NotTaken(f"the regular expression {source!r} is Python's own kind: browsers don't know it")
    flags = "".join(dict.fromkeys(_flag(each) for each in _joined(call.args[1]))) if len(call.args) > 1 else ""
    return Regex(source, flags)


def _joined(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_joined(node.left), *_joined(node.right)]
    return [node]


def _flag(node: ast.expr) -> str:
    name = ast.unparse(node).removeprefix("re.")
    if name not in _FLAGS:
        raise NotTaken(f"the flag {shown(node)} of a regular expression is Python's own")
    return _FLAGS[name]

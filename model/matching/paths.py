"""JSONPath (RFC 9535) by python-jsonpath, with its work counted and its regular expressions on RE2.

The library walks without bound: `$..*..*..*` on a small body runs for minutes. So the segments its parser makes are
replaced by counting ones, which also build no text for the place of every node they pass (6x faster).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch, Parser, function_extensions
from jsonpath.exceptions import JSONPathRecursionError
from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath.selectors import Filter, JSONPathSelector, SliceSelector, WildcardSelector
from jsonpath.stream import TokenStream

from model.matching.json_text import same_json
from model.matching.patterns import PatternError, pattern_of
from model.matching.work import Steps

MAX_PATH = 1_000
"""Characters of a path."""
MAX_STEPS = 500_000
"""Nodes looked at and filters asked: some 0.5 s, and enough for a filtered descent through 1 MB of JSON."""
_FEWEST_STEPS = 50_000
"""What a small body may take, on the loop."""
_REMEMBERED = 2_048
_BYTES_PER_STEP = 64
_COMPILE_STEPS = 500
"""What a pattern that was not met before counts; a body may hold any number of them."""
_STEPS = Steps()


class PathError(ValueError):
    """The path is not RFC 9535's, or too long; the message is a sentence's end for people."""


class Path:
    """A compiled path."""

    __slots__ = ("_segments",)

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATH:
            raise PathError(f"must have at most {MAX_PATH} characters")
        if not text.startswith("$"):
            raise PathError("must begin with $, the root of the body")
        try:
            compiled = _ENVIRONMENT.compile(text)
        except (JSONPathRecursionError, RecursionError):
            raise PathError("is nested too deeply") from None
        except JSONPathError as error:
            raise PathError(f"is not a JSONPath (RFC 9535): {_reason(error)}") from None
        except (ValueError, IndexError, AttributeError):
            # The library's own slips on broken paths; they must not become ours.
            raise PathError("is not a JSONPath (RFC 9535)") from None
        if not isinstance(compiled, JSONPath):
            raise PathError("is not a JSONPath (RFC 9535): one path, without | and &")
        self._segments = compiled.segments

    def values(self, document: Any, size: int = 2 * MAX_STEPS) -> list[Any]:
        """Every value the path leads to, in the library's order; `size`, in characters, of the document's text decides
        how many steps it may take. Raises TooMuchWorkError, RecursionError."""
        steps = min(_FEWEST_STEPS + size // 2, MAX_STEPS)
        _STEPS.begin(steps, f"the path takes more than {steps} steps through this body")
        nodes: Iterable[JSONPathMatch] = [_root(document)]
        for segment in self._segments:
            nodes = segment.resolve(nodes)
        return [node.obj for node in nodes]


@lru_cache(maxsize=_REMEMBERED)
def path_of(text: str) -> Path:
    """The compiled path, remembered. Raises PathError."""
    return Path(text)


class _Node(JSONPathMatch):
    """A value on the way; where it stands is of no interest here."""

    __slots__ = ()

    def new_child(self, obj: object, key: int | str) -> _Node:  # noqa: ARG002 - the library's signature
        return _node(obj, self.root)

    def add_child(self, *children: JSONPathMatch) -> None:
        """Nobody asks for them, and they would hold all nodes in memory."""


def _node(obj: object, root: Any) -> _Node:
    node = _Node.__new__(_Node)
    node._filter_context = _NO_CONTEXT
    node.obj = obj
    node.root = root
    return node


def _root(document: Any) -> _Node:
    return _node(document, document)


_NO_CONTEXT: Mapping[str, Any] = {}


def _counted(nodes: Iterable[JSONPathMatch]) -> Iterator[_Node]:
    """Filters start their own queries at plain matches."""
    for node in nodes:
        yield node if isinstance(node, _Node) else _node(node.obj, node.root)


def _select(selectors: Sequence[JSONPathSelector], node: _Node) -> Iterator[JSONPathMatch]:
    for selector in selectors:
        goes_through_all = isinstance(selector, (WildcardSelector, SliceSelector, Filter))
        _STEPS.spend(1 + len(node.obj) if goes_through_all and isinstance(node.obj, (dict, list)) else 1)
        yield from selector.resolve(node)


class _Child(JSONPathChildSegment):
    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterable[JSONPathMatch]:
        for node in _counted(nodes):
            yield from _select(self.selectors, node)


class _Descent(JSONPathRecursiveDescentSegment):
    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterable[JSONPathMatch]:
        for node in _counted(nodes):
            waiting = [node.obj]
            while waiting:
                obj = waiting.pop()
                _STEPS.spend()
                yield from _select(self.selectors, _node(obj, node.root))
                inside = obj.values() if isinstance(obj, dict) else obj if isinstance(obj, list) else ()
                waiting.extend(reversed([item for item in inside if isinstance(item, (dict, list))]))


class _CountingParser(Parser):
    def parse_query(self, stream: TokenStream) -> Iterable[JSONPathSegment]:
        for segment in super().parse_query(stream):
            kind = _Descent if isinstance(segment, JSONPathRecursiveDescentSegment) else _Child
            yield kind(env=segment.env, token=segment.token, selectors=segment.selectors)


class _Matches(function_extensions.FilterFunction):
    """`match()` and `search()` in filters. A pattern that RE2 refuses matches nothing, as the RFC wants it."""

    arg_types = [function_extensions.ExpressionType.VALUE, function_extensions.ExpressionType.VALUE]  # noqa: RUF012
    return_type = function_extensions.ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        _STEPS.spend(1 + len(value) // _BYTES_PER_STEP)
        made_before = pattern_of.cache_info().misses
        try:
            compiled = pattern_of(pattern)
        except PatternError:
            return False
        finally:
            if pattern_of.cache_info().misses != made_before:
                _STEPS.spend(_COMPILE_STEPS)
        return compiled.is_all_of(value) if self._whole else compiled.found_in(value)


class _Environment(JSONPathEnvironment):
    parser_class = _CountingParser

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Matches(whole=True)
        self.function_extensions["search"] = _Matches(whole=False)

    def compare(self, left: object, operator: str, right: object) -> bool:
        """As the library's, but it counts, and equality of two lists or objects is JSON's."""
        _STEPS.spend()
        if isinstance(left, (dict, list)) and isinstance(right, (dict, list)):
            if operator in ("==", "<=", ">="):
                return self._same(left, right)
            if operator == "!=":
                return not self._same(left, right)
        return super().compare(left, operator, right)

    def is_truthy(self, obj: object) -> bool:
        _STEPS.spend()
        return super().is_truthy(obj)

    @staticmethod
    def _same(left: object, right: object) -> bool:
        _STEPS.spend(min(_size(left), _size(right)))
        return same_json(left, right)


def _size(value: object) -> int:
    """Nodes in a value, counted no further than the steps that are left."""
    waiting, size = [value], 0
    while waiting and size <= MAX_STEPS:
        item = waiting.pop()
        size += 1
        if isinstance(item, (dict, list)):
            size += len(item)
            waiting.extend(
                child
                for child in (item.values() if isinstance(item, dict) else item)
                if isinstance(child, (dict, list))
            )
    return size


def _reason(error: JSONPathError) -> str:
    index = -1 if error.token is None else error.token.index
    place = f" at position {index}" if index >= 0 else ""
    return f"{str(error.message)[:200]}{place}"


_ENVIRONMENT = _Environment(strict=True)

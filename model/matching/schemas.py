"""JSON Schema (drafts 4 to 2020-12) by jsonschema, with its work counted, its patterns on RE2, and no way out.

What the library would do, and this does not: run patterns on Python's `re` (exponential), fetch `$ref`s over the
network, compare each entry with each other for `uniqueItems`, follow `allOf` trees that double at every level, and put
the text of a whole body into each error it makes, also those it throws away.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

import jsonschema
import msgspec
import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema import validators
from jsonschema.exceptions import ValidationError, best_match
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

from model.matching.patterns import PatternError, pattern_of
from model.matching.work import Steps, TooMuchWorkError

MAX_STEPS = 100_000
"""Keywords held against values: some 0.5 s."""
_FEWEST_STEPS = 10_000
"""What a small body may take, on the loop."""
MAX_SCHEMA_NODES = 5_000
MAX_SCHEMA_DEPTH = 50
_STEPS = Steps()
_SHOWN = 80
_MAX_COMPLAINT = 500
_REMEMBERED = 256
_DATA = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose value is data, not schema."""
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
"""Keywords whose value maps names, which are nobody's keywords, to schemas."""
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_DRAFTS: Mapping[str, type[Any]] = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema.Draft7Validator,
    "http://json-schema.org/draft-06/schema": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-04/schema": jsonschema.Draft4Validator,
}
_DEFAULT_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


class SchemaError(ValueError):
    """No schema that can be used; the message is a sentence's end for people."""


class Schema:
    """A schema, checked and ready."""

    __slots__ = ("_validator",)

    def __init__(self, schema: Any) -> None:
        if not isinstance(schema, (dict, bool)):
            raise SchemaError("must be a JSON Schema: an object, or true or false")
        plain, draft = _without_dialect(schema)
        _look_through(plain)
        kind = _bounded(draft)
        _check_against_meta_schema(kind, plain)
        self._validator = kind(_brief(plain), registry=referencing.jsonschema.EMPTY_REGISTRY)
        _resolve_references(plain, draft)

    def complaint(self, document: Any, size: int = 8 * MAX_STEPS) -> str | None:
        """The first thing that does not fit, as `$.items[0].price: 'x' is not of type 'number'`; None when all fits.
        `size`, in characters, of the document's text decides how many steps it may take.

        Raises TooMuchWorkError, RecursionError (a document or a circle of references that goes too deep)."""
        steps = min(_FEWEST_STEPS + size // 8, MAX_STEPS)
        _STEPS.begin(steps, f"it takes more than {steps} steps to hold this body against the schema")
        try:
            error = next(self._validator.iter_errors(_brief(document)), None)
        except referencing.exceptions.Unresolvable as unresolvable:
            return f"the schema has a reference that leads nowhere: {_Text(unresolvable.ref)!r}"
        return None if error is None else f"{error.json_path}: {error.message}"[:_MAX_COMPLAINT]


@lru_cache(maxsize=_REMEMBERED)
def schema_of(text: bytes) -> Schema:
    """The schema that this JSON is, remembered: checking a large one takes 100 ms. Raises SchemaError."""
    return Schema(msgspec.json.decode(text))


def _without_dialect(schema: dict[str, Any] | bool) -> tuple[dict[str, Any] | bool, str]:
    """The library would leave our bounded classes for its own at a `$schema`, so it is read here and taken out."""
    if isinstance(schema, bool) or "$schema" not in schema:
        return schema, _DEFAULT_DRAFT
    named = schema["$schema"]
    draft = named.rstrip("#") if isinstance(named, str) else ""
    if draft not in _DRAFTS:
        raise SchemaError("names a $schema that is not known here: drafts 4, 6, 7, 2019-09 and 2020-12 are")
    return {key: value for key, value in schema.items() if key != "$schema"}, draft


def _look_through(schema: object) -> None:
    """Refuse what can't be bounded: size, depth, references out of the schema, patterns beyond RE2."""
    nodes = 0
    waiting: list[tuple[object, int, bool]] = [(schema, 0, True)]
    while waiting:
        item, depth, is_schema = waiting.pop()
        nodes += 1
        if nodes > MAX_SCHEMA_NODES or depth > MAX_SCHEMA_DEPTH:
            raise SchemaError(f"must be of at most {MAX_SCHEMA_NODES} parts, nested {MAX_SCHEMA_DEPTH} deep")
        if isinstance(item, list):
            waiting.extend((child, depth + 1, is_schema) for child in item)
        elif isinstance(item, dict):
            if is_schema:
                _judge_keywords(item)
            for key, child in item.items():
                if is_schema and key in _MAPS and isinstance(child, dict):
                    nodes += len(child)
                    waiting.extend((member, depth + 2, True) for member in child.values())
                else:
                    waiting.append((child, depth + 1, is_schema and key not in _DATA))


def _judge_keywords(schema: dict[str, Any]) -> None:
    if "$schema" in schema:
        raise SchemaError("may name its $schema at the top only")
    for keyword in _REFERENCES & schema.keys():
        target = schema[keyword]
        if isinstance(target, str) and not target.startswith("#"):
            raise SchemaError(f"has a {keyword} out of the schema: {target[:_SHOWN]!r}; nothing is fetched")
    if "unevaluatedProperties" in schema and "patternProperties" in schema:
        raise SchemaError("can't have unevaluatedProperties beside patternProperties here")
    patterns = schema.get("patternProperties")
    for pattern in [schema.get("pattern"), *(patterns if isinstance(patterns, dict) else ())]:
        if isinstance(pattern, str):
            try:
                pattern_of(pattern)
            except PatternError as error:
                raise SchemaError(f"has a pattern that {error}: {pattern[:_SHOWN]!r}") from None


def _check_against_meta_schema(kind: type[Any], schema: object) -> None:
    _STEPS.begin(MAX_STEPS, "is too large to be checked")
    meta, _ = _without_dialect(kind.META_SCHEMA)
    try:
        error = best_match(kind(_brief(meta), registry=_meta_schemas()).iter_errors(_brief(schema)))
    except TooMuchWorkError as too_much:
        raise SchemaError(str(too_much)) from None
    if error is not None:
        raise SchemaError(f"is no JSON Schema: {error.json_path}: {error.message}"[:_MAX_COMPLAINT])


@cache
def _meta_schemas() -> referencing.jsonschema.SchemaRegistry:
    """The drafts' own schemas without their `$schema`, for the same reason as in `_without_dialect`."""
    resources = []
    for uri, resource in SPECIFICATIONS.items():
        contents = resource.contents
        dialect = contents.get("$schema", "").rstrip("#") if isinstance(contents, dict) else ""
        if dialect in _DRAFTS:
            specification = referencing.jsonschema.specification_with(dialect)
            plain, _ = _without_dialect(contents)
            resources.append((uri, specification.create_resource(plain)))
    return referencing.jsonschema.EMPTY_REGISTRY.with_resources(resources).crawl()


def _resolve_references(schema: Any, draft: str) -> None:
    if isinstance(schema, bool):
        return
    resource = referencing.jsonschema.specification_with(draft).create_resource(schema)
    resolver = referencing.jsonschema.EMPTY_REGISTRY.resolver_with_root(resource)
    for target in _references(schema):
        try:
            resolver.lookup(target)
        except (referencing.exceptions.Unresolvable, ValueError, TypeError, AttributeError):
            raise SchemaError(f"has a $ref that leads nowhere: {target[:_SHOWN]!r}") from None


def _references(schema: object) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            target = item.get("$ref")
            if isinstance(target, str):
                yield target
            waiting.extend(child for key, child in item.items() if key not in _DATA)


@cache
def _bounded(draft: str) -> type[Any]:
    stock = _DRAFTS[draft]
    ours: dict[str, _Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {name: _counting(ours.get(name, keyword)) for name, keyword in stock.VALIDATORS.items()}
    kind: type[Any] = validators.extend(stock, keywords)  # type: ignore[no-untyped-call]
    return kind


def _counting(keyword: _Keyword) -> _Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterable[ValidationError] | None:
        _STEPS.spend()
        return keyword(validator, value, instance, schema)

    return counted


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:  # noqa: ARG001
    if isinstance(instance, str) and not pattern_of(pattern).found_in(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:  # noqa: ARG001
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        found_in = pattern_of(pattern).found_in
        _STEPS.spend(len(instance))
        for key, value in instance.items():
            if found_in(key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    named = schema.get("properties", {})
    patterns = [pattern_of(pattern) for pattern in schema.get("patternProperties", ())]
    _STEPS.spend(len(instance) * len(patterns))
    extras = [key for key in instance if key not in named and not any(pattern.found_in(key) for pattern in patterns)]
    if isinstance(allowed, dict):
        for key in extras:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and extras:
        more = f" and {len(extras) - 1} more" if len(extras) > 1 else ""
        yield ValidationError(f"{_Text(extras[0])!r}{more} may not be here (additionalProperties)")


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:  # noqa: ARG001
    if not unique or not isinstance(instance, list):
        return
    seen: set[Hashable] = set()
    for item in instance:
        key = _identity(item)
        if key in seen:
            yield ValidationError(f"{item!r} stands there twice")
            return
        seen.add(key)


def _identity(value: Any) -> Hashable:
    """Equal for equal JSON, and only then."""
    _STEPS.spend()
    if isinstance(value, list):
        return ("list", *(_identity(item) for item in value))
    if isinstance(value, dict):
        return frozenset((str(key), _identity(item)) for key, item in value.items())
    return (isinstance(value, bool), value)


class _Text(str):
    """A text that errors quote the beginning of."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str.__repr__(self) if len(self) <= _SHOWN else f"{str.__repr__(self[:_SHOWN])}…"


class _List(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "[]" if not self else f"a list of {len(self)}"


class _Object(dict[str, Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "{}" if not self else f"an object of {len(self)}"


def _brief(document: Any) -> Any:
    """The same document, of values that errors quote briefly."""
    top: list[Any] = [None]
    waiting: list[tuple[Any, Any, Any]] = [(top, 0, document)]
    while waiting:
        holder, place, value = waiting.pop()
        if isinstance(value, str):
            holder[place] = _Text(value)
        elif isinstance(value, list):
            holder[place] = made = _List(value)
            waiting.extend((made, index, item) for index, item in enumerate(value) if _has_text(item))
        elif isinstance(value, dict):
            holder[place] = members = _Object(value)
            waiting.extend((members, key, item) for key, item in value.items() if _has_text(item))
        else:
            holder[place] = value
    return top[0]


def _has_text(value: object) -> bool:
    return isinstance(value, (str, list, dict))

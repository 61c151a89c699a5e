"""/docs and /openapi.json: the same document for people and for programs. The page needs no script."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Blueprint, Response, current_app, render_template

from api.access import OPEN, needs
from api.envelope import json_response
from api.openapi import DocumentedApp

pages = Blueprint("docs", __name__)
CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_MAX_NESTING = 4


@dataclass(frozen=True)
class Row:
    """One parameter or field, as a line of a table."""

    name: str
    kind: str
    required: bool
    about: str
    depth: int = 0


@dataclass(frozen=True)
class Shown:
    """One operation, ready for the page."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    scope: str | None
    parameters: list[Row]
    bodies: list[tuple[str, list[Row]]]
    body_examples: list[tuple[str, str]]
    answers: list[tuple[str, str]]
    answer_fields: list[Row]
    answer_example: str | None


@dataclass
class Section:
    """The operations of one tag."""

    name: str
    about: str
    operations: list[Shown] = field(default_factory=list)


@pages.get("/openapi.json")
@needs(OPEN)
def openapi_document() -> Response:
    """The OpenAPI 3.1 document."""
    return json_response(cast(DocumentedApp, current_app).api_doc)


@pages.get("/docs")
@needs(OPEN)
def docs() -> Response:
    """The same, to read."""
    document = cast(DocumentedApp, current_app).api_doc
    page = render_template(
        "docs.html", info=document["info"], sections=sections(document), assertions=assertion_types(document)
    )
    response = Response(page, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def sections(document: dict[str, Any]) -> list[Section]:
    """The document by tag, in the order the routes were declared in."""
    found = {tag["name"]: Section(tag["name"], tag.get("description", "")) for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            found[operation["tags"][0]].operations.append(_shown(document, method, path, operation))
    order = {"get": 0, "post": 1, "put": 2, "delete": 3}
    for section in found.values():
        section.operations.sort(key=lambda shown: (shown.path, order.get(shown.method.lower(), 9)))
    return [section for section in found.values() if section.operations]


def assertion_types(document: dict[str, Any]) -> list[tuple[str, list[Row]]]:
    """The fields of each type of assertion."""
    listed = document["components"]["schemas"]["UrlCheck"]["properties"]["assertions"]["items"]
    return _variants(document, _resolve(document, listed))


def _shown(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Shown:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolve(document, content.get("schema", {}))
    responses: dict[str, Any] = operation["responses"]
    good: dict[str, Any] = next((answer for status, answer in responses.items() if status.startswith("2")), {})
    example = good.get("content", {}).get("application/json", {}).get("example")
    return Shown(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        scope=operation.get("x-scope"),
        parameters=[_parameter(document, parameter) for parameter in operation.get("parameters", [])],
        bodies=_variants(document, body) if content else [],
        body_examples=[(f"{number}", _pretty(value)) for number, value in enumerate(body.get("examples", []), 1)],
        answers=sorted((status, answer["description"]) for status, answer in responses.items()),
        answer_fields=_answer_fields(document, good),
        answer_example=_pretty(example) if example is not None else None,
    )


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Row:
    schema = parameter["schema"]
    about = parameter.get("description") or schema.get("description", "")
    return Row(parameter["name"], _kind(document, schema), bool(parameter.get("required")), about)


def _variants(document: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, list[Row]]]:
    """One table, or one for each variant, by its `type`, when that decides what there is. A list of what may also come
    alone needs no table of its own."""
    variants = schema.get("oneOf") or schema.get("anyOf")
    if not variants:
        return [("", _rows(document, schema))]
    resolved = [_resolve(document, variant) for variant in variants]
    objects = [variant for variant in resolved if variant.get("type") != "array"]
    if len(objects) < len(resolved):
        return [table for variant in objects for table in _variants(document, variant)]
    return [(_type_of(document, variant), _rows(document, variant)) for variant in resolved]


def _type_of(document: dict[str, Any], variant: dict[str, Any]) -> str:
    return _kind(document, variant["properties"]["type"]).removesuffix(" or null")


def _answer_fields(document: dict[str, Any], answer: dict[str, Any]) -> list[Row]:
    """What stands in `data`: of a list, in each of its entries; of several variants, in the first."""
    schema = _resolve(document, answer.get("content", {}).get("application/json", {}).get("schema", {}))
    data = _resolve(document, schema.get("properties", {}).get("data", schema))
    if data.get("type") == "array":
        data = _resolve(document, data["items"])
    variants = data.get("oneOf") or data.get("anyOf")
    return _rows(document, _resolve(document, variants[0]) if variants else data)


def _rows(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> list[Row]:
    rows: list[Row] = []
    required = set(schema.get("required", ()))
    for name, given in schema.get("properties", {}).items():
        prop = _object(document, given)
        about = given.get("description") or ("" if "properties" in prop else prop.get("description", ""))
        rows.append(Row(name, _kind(document, given), name in required, _with_default(about, given), depth))
        if "properties" in prop and depth < _MAX_NESTING:
            rows.extend(_rows(document, prop, depth + 1))
    return rows


def _object(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference, through "or null" and through a list."""
    found = _resolve(document, schema)
    if found.get("type") == "array":
        return _object(document, found.get("items", {}))
    given = [part for part in found.get("anyOf", ()) if part != {"type": "null"}]
    return _object(document, given[0]) if len(given) == 1 else found


def _with_default(about: str, schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return about
    return f"{about}{'; ' if about else ''}default {json.dumps(default)}"


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words: `integer 1 to 86400`, `url or api`, `list of string`."""
    schema = _resolve(document, schema)
    if "enum" in schema:
        return " · ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            parts = [_kind(document, part) for part in schema[joined]]
            return " or ".join(dict.fromkeys(parts))
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    if "properties" in schema:
        return str(schema.get("properties", {}).get("type", {}).get("const") or "object")
    return f"{schema.get('format') or schema.get('type', 'any')}{_bounds(schema)}"


def _bounds(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f" {low:g} to {high:g}"
    if "maxLength" in schema:
        return f" ≤ {schema['maxLength']} characters"
    return ""


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

"""How a path is declared: what it needs, takes and answers, said once for the handler, the gate and the OpenAPI.

    routes = Routes("monitors", "Checks of services and hosts")

    @routes.get("/v1/monitors/<monitor_id>", needs=Scope.READ, answers=MonitorAnswer)
    def show(path: MonitorPath) -> Response: ...

`path`, `query` and `body` are pydantic models named by the handler's annotations. A path that does not fit is 404, a
query or body 422 with a message per field. `body: dict[str, Any]` is the decoded JSON object, for the view to judge.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import JsonSchemaMode

from api.access import SERVER, Needs, Scope, for_pages_too, for_tokens_too
from api.access import needs as declare_needs
from api.dialects import AGENTS, body_limit
from api.envelope import JSON
from api.errors import CODES, Invalid, no_such, too_large
from api.json_body import read_json
from api.schemas.envelope import ErrorAnswer
from model.validation import field_errors

View = Callable[..., Response]
Described = set[tuple[type[BaseModel], JsonSchemaMode]]
"""Models the OpenAPI shows, as what is sent (validation) or as what is answered (serialization)."""
_PHRASES: Mapping[int, str] = {
    400: "The request can't be read: not JSON, or ambiguous JSON",
    401: "No API key, or one that is unknown, revoked or expired",
    402: "The plan does not allow more",
    403: "The key lacks the scope",
    404: "There is no such thing (or it belongs to another organization)",
    409: "It conflicts with what is there",
    426: "The probe is too old for this version of Tracer",
    415: "The body is not declared as application/json",
    422: "A field is not acceptable; `error.fields` says which, and why",
    429: "Too many requests; `Retry-After` says when to come back",
    503: "The database can't be reached",
    507: "There is no room for it",
}


class PathModel(BaseModel):
    """Base of path parameters: a pattern that does not fit is 404."""

    model_config = ConfigDict(extra="forbid")


def _without_nulls(schema: dict[str, Any]) -> None:
    """A query parameter is there or not: nobody can send null, so the OpenAPI does not offer it."""
    for described in schema.get("properties", {}).values():
        given = [part for part in described.get("anyOf", ()) if part != {"type": "null"}]
        if len(given) == 1:
            del described["anyOf"], described["default"]
            described |= {name: value for name, value in given[0].items() if name not in described}


class QueryModel(BaseModel):
    """Base of query parameters: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_nulls)


class BodyModel(BaseModel):
    """Base of request bodies: unknown fields are refused, nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True)


_KINDS_OF_PARAMETERS = 7
"""header, cookie, path, query, form, body, raw"""


class _Blueprint(APIBlueprint):
    """flask-openapi3's blueprint, with our reading of requests in place of its own (docs/decisions/0001). It describes
    its operations when somebody asks for the OpenAPI, not while a process starts: that took a sixth of the start."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._declared: list[tuple[str, View, dict[str, Any]]] = []

    def _collect_openapi_info(self, rule: str, func: View, **said: Any) -> Any:
        self._declared.append((rule, func, said))
        return (None,) * _KINDS_OF_PARAMETERS

    def describe(self) -> None:
        """Fill `paths` and `tags`. Once for all apps of a process; by one thread at a time."""
        while self._declared:
            rule, view, said = self._declared.pop(0)
            super()._collect_openapi_info(rule, view, **said)

    @staticmethod
    def create_view_func(func: View, *_args: Any, **_kwargs: Any) -> View:
        return func


class Routes:
    """A family of paths under one heading of the reference. `models` collects what the OpenAPI has to describe."""

    def __init__(self, name: str, about: str, refuses: type[BaseModel] = ErrorAnswer) -> None:
        """`refuses`: how its refusals are said (api/dialects.py)."""
        self.refuses = refuses
        self.blueprint = _Blueprint(name, __name__, abp_tags=[Tag(name=name, description=about)])
        self.models: Described = {(refuses, "serialization")}
        self.forms: dict[str, type[BaseModel]] = {}
        """By operation: the form that one takes which also takes JSON."""

    def get(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._route("GET", rule, **declared)

    def post(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._route("POST", rule, **declared)

    def put(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._route("PUT", rule, **declared)

    def patch(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._route("PATCH", rule, **declared)

    def delete(self, rule: str, **declared: Any) -> Callable[[View], View]:
        return self._route("DELETE", rule, **declared)

    def _route(
        self,
        method: str,
        rule: str,
        *,
        needs: Needs,
        answers: type[BaseModel],
        accepts: type[BaseModel] | None = None,
        status: int = 200,
        errors: Sequence[int] = (),
        also: Mapping[int, type[BaseModel]] | None = None,
        headers: type[BaseModel] | None = None,
        media: str = JSON,
        pages: bool = False,
        tokens: bool = False,
        form: type[BaseModel] | None = None,
        means: Mapping[int, str] | None = None,
    ) -> Callable[[View], View]:
        """Register a view. `errors`: statuses beyond those that follow from what it needs and takes. `also`: statuses
        with an answer of their own. `accepts`: what the OpenAPI says of a body that the view takes as a plain dict,
        because which model it is depends on it. `headers`: request headers that the
        OpenAPI tells of; the view reads them. `media`: the content type of an answer that is no JSON. `pages`:
        browsers may use it by their sign-in. `tokens`: so may who shows a JSON Web Token.
        `form`: what the OpenAPI says of a multipart form;
        the view reads it. `means`: of refusals that mean something else here than elsewhere, what."""

        def register(view: View) -> View:
            takes = {name: kind for name, kind in get_type_hints(view).items() if name in ("path", "query", "body")}
            shown = {**takes, "body": accepts} if accepts is not None else takes
            shown = {**shown, "header": headers} if headers is not None else shown
            shown = {**shown, "form": form} if form is not None else shown
            if form is not None and "body" in shown:
                self.forms[view.__name__] = form
            reading = _reading(view, takes, optional_body=not _body_required(shown.get("body")))
            reading.__annotations__ = shown
            reading.__doc__ = None
            declare_needs(needs)(reading)
            if pages:
                for_pages_too(reading)
            if tokens:
                for_tokens_too(reading)
            given = {status: answers, **(also or {})}
            one_word = self.refuses is not ErrorAnswer and not rule.startswith(AGENTS)
            phrases = {413: too_large(body_limit(rule)).message, **(means or {})}
            self.models |= {(model, "serialization") for model in given.values()}
            self.models |= {(shown[sent], "validation") for sent in ("body", "form") if sent in shown}
            summary, _, description = (inspect.getdoc(view) or "").partition("\n")
            getattr(self.blueprint, method.lower())(
                rule,
                operation_id=view.__name__,
                summary=summary.rstrip("."),
                description=description.strip() or None,
                responses={
                    **_refusals(
                        method,
                        needs,
                        takes,
                        errors,
                        fleeting=media != JSON,
                        said=self.refuses,
                        one_word=one_word,
                        phrases=phrases,
                    ),
                    **{answered: _described(model, media) for answered, model in given.items()},
                },
                security=_security(needs),
                openapi_extensions={"x-scope": needs.value} if isinstance(needs, Scope) else None,
            )(reading)
            return view

        return register


def _security(needs: Needs) -> list[dict[str, list[str]]] | None:
    if needs is SERVER:
        return [{"internal_token": []}]
    return [{"key": []}] if isinstance(needs, Scope) else None


def _body_required(body: Any) -> bool:
    extra = getattr(body, "model_config", {}).get("openapi_extra", {})
    return bool(extra.get("required", True))


def _reading(view: View, takes: Mapping[str, Any], *, optional_body: bool) -> View:
    """The view as Flask calls it: reads what the annotations ask for, then calls it."""

    @functools.wraps(view)
    def answer(**from_path: str) -> Response:
        given: dict[str, Any] = {}
        if "path" in takes:
            given["path"] = _read_path(takes["path"], from_path)
        try:
            if "query" in takes:
                given["query"] = _read_query(takes["query"])
            if "body" in takes:
                given["body"] = _read_body(takes["body"], optional=optional_body)
        except ValidationError as error:
            raise Invalid(field_errors(error)) from None
        return view(**given)

    return answer


def _read_body(kind: Any, *, optional: bool) -> Any:
    """A model is validated; a view that asks for a dict gets the JSON object itself."""
    sent = read_json(request, required=not optional)
    value = {} if sent is None and optional else sent
    if not isinstance(value, dict):
        raise Invalid({"": ["must be a JSON object"]})
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate(value)
    return value


def _read_path(kind: type[BaseModel], values: Mapping[str, str]) -> BaseModel:
    try:
        return kind.model_validate(dict(values))
    except ValidationError:
        name, value = next(iter(values.items()))
        raise no_such(name.removesuffix("_id").replace("_", " "), value) from None


def _read_query(kind: type[BaseModel]) -> BaseModel:
    """Each parameter once: of two, nobody could say which counts."""
    values: dict[str, str] = {}
    fields: dict[str, list[str]] = {}
    for name, several in request.args.lists():
        values[name] = several[0]
        if len(several) > 1:
            fields[name] = ["may be given once"]
        elif "\x00" in several[0]:
            fields[name] = ["must not contain a NUL character"]
    if fields:
        raise Invalid(fields)
    return kind.model_validate(values)


def _described(model: type[BaseModel], media: str = JSON) -> dict[str, Any]:
    example = (model.model_config.get("json_schema_extra") or {}).get("example")  # type: ignore[union-attr]
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    if example is not None:
        content["example"] = example
    return {"description": (model.__doc__ or "").strip().split("\n")[0], "content": {media: content}}


def _refusals(
    method: str,
    needs: Needs,
    takes: Mapping[str, Any],
    more: Sequence[int],
    *,
    fleeting: bool = False,
    said: type[BaseModel] = ErrorAnswer,
    one_word: bool = False,
    phrases: Mapping[int, str],
) -> dict[int, dict[str, Any]]:
    statuses = {*more, 503}
    statuses |= {401, 403, 429} if isinstance(needs, Scope) else {401, 403} if needs is SERVER else set()
    statuses |= {404} if "path" in takes else set()
    statuses |= {422} if "query" in takes else set()
    statuses |= {400, 413, 415, 422} if "body" in takes else set()
    if one_word and 422 in statuses:
        statuses = statuses - {422} | {400, *more}  # seed 000 has one word for both
    described = {status: refusal(status, said, phrases.get(status)) for status in sorted(statuses)}
    if method == "GET" and not fleeting:
        described[304] = {"description": "Nothing has changed since the ETag given in If-None-Match"}
    return described


def refusal(status: int, said: type[BaseModel] = ErrorAnswer, phrase: str | None = None) -> dict[str, Any]:
    """The OpenAPI description of an error answer. `phrase`: what it means, unless what it means in most places."""
    phrase = phrase or _PHRASES[status]
    if said is not ErrorAnswer:
        return _described(said) | {"description": phrase}
    example: dict[str, Any] = {"code": CODES[status], "message": phrase}
    if status == 422:
        example["fields"] = {"assertions.0.value": ["must be a whole number"]}
    example["request_id"] = "req_5b0c1d2e3f405162"
    return {
        "description": phrase,
        "content": {
            JSON: {
                "schema": {"$ref": "#/components/schemas/ErrorAnswer"},
                "example": {"success": False, "error": example},
            }
        },
    }

"""The OpenAPI 3.1 document, made from what the routes declare, so that it can't fall behind them."""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import Any

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import openapi_artifacts, openapi_outside
from api.routes import Described, Routes
from api.schemas.envelope import ErrorAnswer

_ABOUT = """\
Tracer watches services from many places and says so honestly: every planned run is accounted for.

Send `Authorization: Bearer <key>`. Answers stand in an envelope, `{"success": true, "data": …, "meta": …}`; errors in
`{"success": false, "error": {code, message, fields, request_id}}`. `PUT` merges top-level fields, replaces objects and
lists, and `null` clears an optional field. Secrets read back as `********`; writing `********` keeps the stored value.
Times are UTC, ISO 8601; intervals and timeouts are in seconds, fields ending in `_ms` in milliseconds.
"""


_DESCRIBING = threading.Lock()
"""Routes are those of all apps of a process."""


class DocumentedApp(OpenAPI):
    """A Flask app that knows its own description."""

    def __init__(self, import_name: str, **options: Any) -> None:
        info = Info(title="Tracer", version=version("tracer"), description=_ABOUT)
        super().__init__(import_name, info=info, doc_ui=False, **options)
        self._models: Described = {(ErrorAnswer, "serialization")}
        self._forms: dict[str, type[BaseModel]] = {}
        self._routes: list[Routes] = []

    def add_routes(self, routes: Routes) -> None:
        self._models |= routes.models
        self._forms |= routes.forms
        self._routes.append(routes)
        self.register_api(routes.blueprint)

    def generate_spec_json(self) -> None:
        """Operations as flask-openapi3 collects them; schemas straight from pydantic, which keeps every keyword."""
        with _DESCRIBING:
            if not self.spec_json:
                self.spec_json = self._described()

    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = {}
        tags: dict[str, Any] = {}
        for routes in self._routes:
            routes.blueprint.describe()
            described |= routes.blueprint.paths
            tags |= {tag.name: tag for tag in routes.blueprint.tags}
        paths = {
            rule: item.model_dump(mode="json", by_alias=True, exclude_unset=True)
            for rule, item in sorted(described.items())
        }
        for operation in (operation for item in paths.values() for operation in item.values()):
            form = self._forms.get(operation["operationId"])
            if form is not None:
                content = {"schema": {"$ref": f"#/components/schemas/{form.__name__}"}}
                operation["requestBody"]["content"]["multipart/form-data"] = content
        return {
            "openapi": self.openapi_version,
            "info": self.info.model_dump(mode="json", exclude_none=True),
            "servers": [{"url": "/"}],
            "tags": [*(tag.model_dump(mode="json", exclude_none=True) for tag in tags.values()), *openapi_outside.TAGS],
            "paths": {**paths, **openapi_outside.paths(), **openapi_artifacts.paths()},
            "components": {
                "schemas": {**_schemas(self._models), **openapi_outside.schemas()},
                "securitySchemes": {**_SECURITY, **openapi_outside.SECURITY},
            },
        }


_SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`trk_…`), or the token of a sign-in. `x-scope` of an operation names the scope it "
        "needs: `run` and `write` include `read`, `admin` includes all but `ingest`.",
    }
}


def _schemas(models: Described) -> dict[str, Any]:
    wanted = sorted(models, key=lambda described: described[0].__name__)
    names, definitions = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    for (model, _), reference in names.items():
        if reference != {"$ref": f"#/components/schemas/{model.__name__}"}:
            raise ValueError(f"two models are called {model.__name__}: {reference}")
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas

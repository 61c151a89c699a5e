"""The OpenAPI document says what the API does, and the API does what it says."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api.resources import RESOURCES
from tests.api.conftest import Client
from tests.api.test_monitors import URL_MONITOR

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
AT_503 = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 15


@pytest.fixture
def known_ids(owner: Client) -> dict[str, str]:
    """Ids that exist, for each path parameter: random ones would only ever meet 404."""
    monitor = owner.data("POST", "/v1/monitors", URL_MONITOR, status=201)["id"]
    return {
        "monitor_id": monitor,
        "run_id": owner.data("POST", f"/v1/monitors/{monitor}/run", status=202)["run_id"],
        "probe_id": owner.data("POST", "/v1/probes", {"name": "p", "location": "x"}, status=201)["id"],
        "key_id": owner.data("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}, status=201)["id"],
    }


def operations() -> list[str]:
    """Every operation that is declared."""
    return [
        operation.operationId
        for routes in RESOURCES
        for item in routes.blueprint.paths.values()
        for operation in (item.get, item.post, item.put, item.delete)
        if operation is not None
    ]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", operations())
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_whatever_fits_the_document_or_does_not_is_answered_as_it_says(
    app: Flask, owner: Client, known_ids: dict[str, str], operation_id: str, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operation = schema.find_operation_by_id(operation_id)
    names = [parameter.name for parameter in operation.path_parameters]
    if mode is GenerationMode.NEGATIVE and not (names or list(operation.query) or list(operation.body)):
        pytest.skip("nothing to get wrong")
    ids = {name: known_ids[name] for name in names} if mode is GenerationMode.POSITIVE else {}

    @given(case=operation.as_strategy(mode, path_parameters=ids or None))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered_as_described(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {owner.key}", "Accept-Encoding": "identity"})
        unready = operation_id == "health" and response.status_code == 503  # no scheduler runs in this test
        case.validate_response(response, checks=[check for check in CHECKS if not unready or check in AT_503])

    answered_as_described()

"""The OpenAPI document says what the API does, and the API does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
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
from store.notifications import enqueue
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.told import Uniting
from tests.alerts.alerting import add_rule, record_one, run_of
from tests.api.conftest import Client
from tests.api.journeys import SEED as JOURNEY
from tests.api.test_monitors import URL_MONITOR
from tests.telemetry.reporting import event, make_project

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
AT_503 = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8
WINDOW = {"name": "w", "cron": "0 3 * * *", "duration": 60, "apply_to": {"all": True}}
NOT_DESCRIBED = {
    "/static/<path:filename>", "/openapi.json", "/docs", "/.well-known/security.txt", "/status/<slug>.json",
    "/status/<slug>.atom", "/status/<slug>/<part>", "/badge/<check_id>/<name>",
}  # fmt: skip


def _notification(database: Database, organization: str, channel: str) -> str:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        [notification_id] = enqueue(
            session, organization_id=organization, subject_id="ntc_0123456789", event="notice", number=1,
            channel_ids=[channel], payload={}, now_ms=1,
        )  # fmt: skip
        return notification_id


@pytest.fixture(scope="session")
def _documents() -> dict[Flask, Any]:
    return {}


@pytest.fixture
def document(app: Flask, _documents: dict[Flask, Any]) -> Any:
    """The document as Schemathesis reads it, once for each app: reading it takes longer than a test."""
    if app not in _documents:
        _documents[app] = schemathesis.openapi.from_wsgi("/openapi.json", app)
    return _documents[app]


@pytest.fixture
def known_ids(owner: Client, database: Database, organization: str) -> dict[str, str]:
    """Ids that exist, for each path parameter: random ones would only ever meet 404."""
    monitor = owner.data("POST", "/v1/monitors", URL_MONITOR, status=201)["id"]
    hook = {"name": "h", "type": "webhook", "config": {"url": "http://127.0.0.1:9/"}}
    channel = owner.data("POST", "/v1/alert-channels", hook, status=201)["id"]
    page = owner.data("POST", "/v1/status-pages", {"slug": "s", "title": "S"}, status=201)["id"]
    said = {"status": "investigating", "message": "m"}
    add_rule(database, organization, threshold=1)
    reports = make_project(owner)
    reports.events(event("e1", trace_id="t1"))
    record_one(database, run_of(organization, monitor, 1, "-", location="us-east"))
    on_events = owner("POST", "/v1/alerts/rules", {"name": "r", "project": "truecom"}).get_json()["id"]
    Uniting(database).work()
    incident = owner("GET", "/api/incidents").get_json()["incidents"][0]["id"]
    return {
        "incident_id": incident,
        "fix_id": owner("POST", f"/api/incidents/{incident}/fix-agent").get_json()["id"],
        "regression_run_id": owner("POST", f"/api/incidents/{incident}/regression-runs").get_json()["id"],
        "alert_id": owner.data("GET", "/v1/alerts")[0]["id"],
        "monitor_id": monitor,
        "channel_id": channel,
        "draft_id": "try_0123456789",
        "journey_draft_id": "try_0123456789",
        "notification_id": _notification(database, organization, channel),
        "run_id": owner.data("POST", f"/v1/monitors/{monitor}/run", status=202)["run_id"],
        "probe_id": owner.data("POST", "/v1/probes", {"name": "p", "location": "x"}, status=201)["id"],
        "rule_id": owner.data("POST", "/v1/alert-rules", {"name": "r", "type": "no_data"}, status=201)["id"],
        "page_id": page,
        "update_id": owner.data("POST", f"/v1/status-pages/{page}/updates", said, status=201)["id"],
        "window_id": owner.data("POST", "/v1/maintenance-windows", WINDOW, status=201)["id"],
        "silence_id": owner.data("POST", "/v1/silences", {"match": {"all": True}, "for": 60}, status=201)["id"],
        "journey_id": owner.data("POST", "/v1/journeys", {**JOURNEY, "tags": ["smoke"]}, status=201)["id"],
        "tag": "smoke",
        "batch_id": owner.data("POST", "/v1/journeys/run-tag/smoke", status=202)["batch_id"],
        "variable": owner.data("POST", "/v1/variables", {"name": "PASSWORD", "value": "x"}, status=201)["name"],
        "organization_id": organization,
        "member_id": owner.data("POST", "/v1/organization/invite", {"email": "ada@example.com"}, status=201)["id"],
        "session_id": "ses_0123456789",
        "agent_session_id": owner("POST", "/api/traces", {"name": "n"}).get_json()["id"],
        "token": "A" * 43,
        "project_id": reports.project["slug"],
        "public_key": reports.key,
        "event_rule_id": on_events,
        "issue_id": reports.issues()[0]["id"],
        "trace_id": "t1",
        "key_id": owner.data("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}, status=201)["id"],
    }


def operations() -> list[str]:
    """Every operation that is declared."""
    for routes in RESOURCES:
        routes.blueprint.describe()
    return [
        operation.operationId
        for routes in RESOURCES
        for item in routes.blueprint.paths.values()
        for operation in (item.get, item.post, item.put, item.patch, item.delete)
        if operation is not None
    ]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", operations())
@sqlite_only
def test_whatever_fits_the_document_or_does_not_is_answered_as_it_says(
    document: Any, owner: Client, request: pytest.FixtureRequest, operation_id: str, mode: GenerationMode
) -> None:
    operation = document.find_operation_by_id(operation_id)
    names = [parameter.name for parameter in operation.path_parameters]
    if mode is GenerationMode.NEGATIVE and not (names or list(operation.query) or list(operation.body)):
        pytest.skip("nothing to get wrong")
    if mode is GenerationMode.POSITIVE:
        known = request.getfixturevalue("known_ids")
        ids = {name: known[name] for name in names}
    else:
        ids = {}

    @given(case=operation.as_strategy(mode, path_parameters=ids or None))
    @settings(
        max_examples=settings().max_examples if settings.get_current_profile_name() == "large" else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered_as_described(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {owner.key}", "Accept-Encoding": "identity"})
        unready = operation_id == "health" and response.status_code == 503  # no scheduler runs in this test
        too_large = response.status_code == 413  # a refusal too, which Schemathesis does not know as one
        checks = (
            AT_503 if unready else [check for check in CHECKS if not (too_large and check is negative_data_rejection)]
        )
        case.validate_response(response, checks=checks)

    answered_as_described()


@sqlite_only
def test_the_document_is_sound_and_covers_every_route(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert not schema.get("$defs"), name
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    for path, item in document["paths"].items():
        for operation in item.values():
            named = {given["name"] for given in operation.get("parameters", []) if given["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), path
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    for rule in app.url_map.iter_rules():
        if rule.rule in NOT_DESCRIBED or getattr(app.view_functions[rule.endpoint], "is_page", False):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (method, path) in described


@sqlite_only
def test_every_example_is_true_to_its_schema(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    shown = 0
    for item in document["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    if "example" in content:
                        shown += 1
                        assert_fits(document, content["schema"], content["example"])
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            shown += 1
            assert_fits(document, schema, example)
    assert shown > 50


def assert_fits(document: Any, schema: Any, value: Any) -> None:
    """With `$ref`s resolved within the document."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


@sqlite_only
def test_the_reference_page_names_every_path_and_every_status(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    page = (Path(__file__).parents[2] / "docs/reference/api.md").read_text(encoding="utf-8")
    for path, item in document["paths"].items():
        assert f"`{path}`" in page, path
        for operation in item.values():
            for status in operation["responses"]:
                assert status.startswith(("2", "304", "426")) or status in page, status

"""A project, and what is sent to it: shared by the tests of telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from tests.api.client import Client

FRAMES = [{"filename": "app/page.tsx", "function": "loadData", "lineno": 42, "colno": 12, "in_app": True}]


def event(event_id: str, **fields: Any) -> dict[str, Any]:
    """An error, as an SDK sends it."""
    return {
        "event_id": event_id,
        "level": "error",
        "exception": {"type": "TypeError", "value": "x is undefined", "stacktrace": {"frames": FRAMES}},
        **fields,
    }


def message(event_id: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "level": "info", "message": text, **fields}


def span(span_id: str, trace_id: str = "t1", **fields: Any) -> dict[str, Any]:
    return {
        "trace_id": trace_id, "span_id": span_id, "name": "GET /", "op": "http.server", "status": "ok",
        "start_timestamp": "2024-01-15T10:29:00.000Z", "end_timestamp": "2024-01-15T10:29:00.250Z", **fields,
    }  # fmt: skip


@dataclass
class Reports:
    """A project, and a client that has its public key and one that has an API key."""

    project: dict[str, Any]
    owner: Client

    @property
    def key(self) -> str:
        return str(self.project["keys"][0]["public_key"])

    @property
    def auth(self) -> dict[str, str]:
        return {"X-CodeRadar-Auth": f"dsn={self.key},project={self.project['id']}"}

    @property
    def client(self) -> FlaskClient:
        return self.owner.client

    def post(self, path: str, json: Any = None, **options: Any) -> Any:
        headers = {**self.auth, **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        return self.client.post(path, headers=headers, **options)

    def events(self, *events: Any, status: int = 202) -> Any:
        answer = self.post("/v1/events", {"events": list(events)})
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def spans(self, *spans: Any, status: int = 202) -> Any:
        answer = self.post("/v1/traces", {"spans": list(spans)})
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def items(self, items: Any, status: int = 202) -> Any:
        answer = self.client.post("/v1/ingest", json=items, headers={"X-Open-Sentry-Key": self.key})
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def get(self, path: str, answers: int = 200, **query: Any) -> Any:
        answer = self.owner("GET", path, query_string={"project": self.project["slug"], **query})
        assert answer.status_code == answers, answer.get_data(as_text=True)
        return answer.get_json()

    def found(self, q: str = "", **query: Any) -> list[str]:
        """The ids of the events that a query finds, newest first."""
        return [found["event_id"] for found in self.get("/v1/query", q=q, **query)["events"]]

    def issues(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/v1/issues", **query)["issues"]
        return found

    def put(self, path: str, json: Any, status: int = 200) -> Any:
        answer = self.owner("PUT", path, json)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()


def make_project(owner: Client, slug: str = "truecom", **fields: Any) -> Reports:
    answer = owner("POST", "/v1/projects", {"name": slug.title(), "slug": slug, **fields})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return Reports(answer.get_json(), owner)

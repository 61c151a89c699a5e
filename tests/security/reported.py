"""What services reported, with one word in every text of it; the part of the stage that lies in the other store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, select, update

from model.traceparent import trace_id_of
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.stored.tables import AGENT_ANALYSES, AGENT_EVENTS, AGENT_SESSIONS
from telemetry.payloads import pack, unpack
from telemetry.stored.tables import EVENTS, GENERATIONS, ISSUES, RELEASES, SPANS
from tests.api.client import Client
from tests.api.pages.agent_world import analyze, sent
from tests.telemetry.agents.running import append, begin
from tests.telemetry.reporting import make_project, span

Replace = Callable[[Any, str], Any]
_TABLES: tuple[Table, ...] = (
    EVENTS, ISSUES, SPANS, GENERATIONS, RELEASES, AGENT_SESSIONS, AGENT_EVENTS, AGENT_ANALYSES,
)  # fmt: skip
_DOCUMENTS = ("tags",)
_PACKED = ("payload", "metadata", "detectors")


@dataclass
class Reported:
    """`replace(value, text)` puts a text in place of the word, wherever it stands in a value."""

    owner: Client
    database: Database
    mark: str
    replace: Replace
    addresses: list[str] = field(default_factory=list)
    cells: list[tuple[Table, tuple[Any, ...], str, Any]] = field(default_factory=list)

    def set(self, run_id: str) -> None:
        """One of everything; `run_id`: of the run in whose trace it lies."""
        mark, trace_id = self.mark, trace_id_of(run_id)
        project = make_project(self.owner, "stage", name=mark)
        frames = [
            {"filename": f"{mark}.py", "function": mark, "lineno": 1, "context_line": mark, "in_app": own}
            for own in (True, False)
        ]
        exceptions = [{"type": mark, "value": mark}, {"type": mark, "value": mark, "stacktrace": {"frames": frames}}]
        project.events({
            "event_id": "e", "level": "error", "message": mark, "environment": mark, "release": mark,
            "trace_id": trace_id, "user": {"id": mark, mark: mark}, "tags": {mark: mark}, "transaction": mark,
            "breadcrumbs": [{"timestamp": mark, "category": mark, "level": mark, "message": mark}],
            "exception": {"values": exceptions}, "contexts": {mark: mark},
        })  # fmt: skip
        project.spans(
            span("a", trace_id, name=mark, op=mark, attributes={mark: mark}, status="error", status_message=mark),
            span("b", trace_id, name=mark, op=mark, parent_span_id="a"),
        )
        project.items({
            "type": "ai_generation", "provider": mark, "model": mark, "inputTokens": 1, "totalCostUsd": 1.0,
            "tags": {mark: mark},
        })  # fmt: skip
        said = {"project": "stage", "release": "web@2", "commit": mark, "url": f"https://wiki.example/{mark}"}
        assert self.owner("POST", "/v1/releases", said).status_code == 201
        judged = {"name": mark, "project": "stage", "query": "level:error"}
        rule = self.owner("POST", "/v1/alerts/rules", judged).get_json()["id"]
        [issue] = project.issues()
        self.addresses = [
            "/issues", f"/issues/{issue['id']}", f"/traces/{trace_id}", "/query", "/releases",
            "/releases/stage?name=web@2", "/generations", "/projects", "/projects/stage", "/agents", "/agents/stage",
            "/alerts/event-rules", f"/alerts/event-rules/{rule}",
        ]  # fmt: skip
        self._act()
        self._find()

    def _act(self) -> None:
        """An agent's run with an event of each type, and what went wrong in it."""
        mark = self.mark
        says = {
            "role": mark, "content": mark, "level": mark, "model": mark, "status": mark, "reason": mark, "stack": mark,
            "caption": mark, mark: mark,
        }  # fmt: skip
        asked = {"tool": mark, "arguments": {mark: mark}}
        loop = [("tool_call", asked), ("tool_result", {"tool": mark, "result": mark})] * 3
        kinds = ("message", "llm_call", "error", "screenshot", "state", "log", "end")
        said = [*loop, ("tool_result", {"tool": mark, "error": mark}), *((kind, says) for kind in kinds)]
        begin(self.owner, session_id="stage", project_id="stage", name=mark, agent=mark, metadata={mark: mark})
        append(self.owner, sent(said), to="stage")
        assert mark in str(analyze(self.owner, "stage"))

    def _find(self) -> None:
        with self.database.telemetry.read(EVERY_ORGANIZATION) as session:
            for table in _TABLES:
                keys = list(table.primary_key.columns)
                for row in session.execute(select(table)).mappings():
                    for column in table.columns:
                        value = row[column.name]
                        plain = unpack(value) if column.name in _PACKED else value
                        if self.mark in str(plain) and column not in keys and column.name != "search":
                            self.cells.append((table, tuple(row[key.name] for key in keys), column.name, plain))

    def dress(self, text: str) -> None:
        """Have every text say `text`."""
        with self.database.telemetry.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            for table, key, name, value in self.cells:
                where = [column == part for column, part in zip(table.primary_key.columns, key, strict=True)]
                session.execute(update(table).where(*where).values({name: self._said(table, name, value, text)}))

    def _said(self, table: Table, name: str, value: Any, text: str) -> Any:
        if name in _PACKED:
            return pack(self.replace(value, text))
        if name in _DOCUMENTS:
            return json.dumps(self.replace(json.loads(value), text))
        found = self.replace(value, text)
        length = getattr(table.c[name].type, "length", None)
        return found if length is None or self.database.sqlite else found[:length]

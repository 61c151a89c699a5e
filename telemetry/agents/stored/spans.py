"""Spans of agents told as runs: which run a trace belongs to, and its events in the order in which they arrive.

A trace is one run; traces that name the same conversation are one run too. Which run a trace belongs to is decided when
the first of its spans arrives, and kept, so that spans that do not name the conversation follow those that did. The
span that a trace begins with ends it, whether it is an agent's or not, and whether it comes last or first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run
from telemetry.agents.events import AgentEvent
from telemetry.agents.spans import AgentSpan, end_of, session_key, united
from telemetry.agents.stored.appending import append_arrived
from telemetry.agents.stored.sessions import RUNNING, NewSession, begin_session, hold_organization
from telemetry.payloads import unpack

SOURCE = "opentelemetry"
_KNOWN = "SELECT trace_id, session FROM agent_traces WHERE project = ? AND trace_id IN ?"
_NAMES = "SELECT number, id, status FROM agent_sessions WHERE organization_id = ? AND number IN ?"
_ROOTS = "SELECT payload FROM spans WHERE project = ? AND trace_id = ? AND parent_span_id IS NULL ORDER BY seq LIMIT 1"


class Arrived(msgspec.Struct):
    """What one request brings to one project, all of it stored as spans already: of agents, and `roots`, the spans
    that traces begin with, by trace."""

    organization_id: str
    project: int
    spans: list[AgentSpan]
    roots: dict[str, dict[str, Any]]


class _Run(msgspec.Struct):
    """One that spans are told in. `ended`: by an event that was stored before. `events`: each with when it has its
    turn, which is when it happened; `latest`: of each trace the last such time."""

    number: int
    id: str
    ended: bool
    events: list[tuple[int, AgentEvent]] = []
    latest: dict[str, int] = {}


def concerns_agents(session: Session, arrived: Arrived) -> bool:
    """Whether there is anything to tell: most traces are no agent's."""
    return bool(arrived.spans) or bool(rows(session, _KNOWN, arrived.project, sorted(arrived.roots)))


def tell_spans(session: Session, arrived: Arrived, now_ms: int) -> int:
    """Store what these spans say as events; how many are new. In a write of the telemetry store. Told again, nothing
    is stored twice."""
    hold_organization(session, arrived.organization_id)
    telling = _Telling(session, arrived, now_ms)
    for span in arrived.spans:
        telling.take(span)
    for trace_id, root in arrived.roots.items():
        telling.end(trace_id, root)
    return telling.store()


class _Telling:
    """The runs of one request."""

    def __init__(self, session: Session, arrived: Arrived, now_ms: int) -> None:
        self._session, self._arrived, self._now_ms = session, arrived, now_ms
        self._conversations = _conversations(arrived.spans)
        self._runs: dict[int, _Run] = {}
        self._came_before: dict[str, dict[str, Any]] = {}
        """Roots that were stored before anything of their traces was known to be of agents."""
        traces = sorted({span.trace_id for span in arrived.spans} | set(arrived.roots))
        self._of_trace: dict[str, int] = dict(rows(session, _KNOWN, arrived.project, traces))
        numbers = sorted(set(self._of_trace.values()))
        for number, session_id, status in rows(session, _NAMES, arrived.organization_id, numbers):
            self._runs[number] = _Run(number, session_id, status != RUNNING)

    def take(self, span: AgentSpan) -> None:
        run_of_it = self._run_of(span)
        for event in span.events:
            run_of_it.events.append((event.at_ms, event))
            latest = run_of_it.latest.get(span.trace_id, event.at_ms)
            run_of_it.latest[span.trace_id] = max(latest, event.at_ms)
        if span.invokes and (span.root or not run_of_it.ended):
            self._name(run_of_it, span)

    def end(self, trace_id: str, root: dict[str, Any]) -> None:
        """After all that came with it, also where clocks differ."""
        number = self._of_trace.get(trace_id)
        if number is not None:
            found, event = self._runs[number], end_of(root)
            found.events.append((max(event.at_ms, found.latest.get(trace_id, 0)), event))

    def store(self) -> int:
        for trace_id, root in self._came_before.items():
            self.end(trace_id, root)
        stored = 0
        for each in self._runs.values():
            each.events.sort(key=lambda told: (told[0], told[1].type == "end"))
            events = _once_each([event for _, event in each.events])
            stored += append_arrived(self._session, self._arrived.organization_id, each.id, events, self._now_ms)
        return stored

    def _run_of(self, span: AgentSpan) -> _Run:
        number = self._of_trace.get(span.trace_id)
        if number is None:
            begun = self._begun(span)
            number = self._of_trace[span.trace_id] = begun.number
            self._runs.setdefault(number, begun)
            self._remember(span.trace_id, number)
        return self._runs[number]

    def _begun(self, span: AgentSpan) -> _Run:
        arrived, conversation = self._arrived, self._conversations.get(span.trace_id)
        named = span.agent or span.service or "agent"
        about = {
            "source": SOURCE, "trace_id": span.trace_id, "conversation_id": conversation,
            "service": span.service or None,
        }  # fmt: skip
        new = NewSession(
            id=f"otel_{arrived.project}_{session_key(span, conversation)}",
            project=arrived.project,
            name=named,
            agent=named,
            metadata={name: value for name, value in about.items() if value is not None},
        )
        found, _ = begin_session(self._session, arrived.organization_id, new, self._now_ms)
        return _Run(found.number, found.id, found.status != RUNNING)

    def _remember(self, trace_id: str, number: int) -> None:
        """Which run a trace belongs to; what it begins with may have come before."""
        run(
            self._session,
            "INSERT INTO agent_traces (project, trace_id, organization_id, session) VALUES (?, ?, ?, ?)",
            self._arrived.project, trace_id, self._arrived.organization_id, number,
        )  # fmt: skip
        if trace_id not in self._arrived.roots:
            for (kept,) in rows(self._session, _ROOTS, self._arrived.project, trace_id):
                self._came_before[trace_id] = unpack(kept)

    def _name(self, found: _Run, span: AgentSpan) -> None:
        """After the agent that was asked. Agents that it asks in turn are known before it is."""
        if span.agent:
            run(
                self._session, "UPDATE agent_sessions SET name = ?, agent = ? WHERE organization_id = ? AND number = ?",
                span.name or span.agent, span.agent, self._arrived.organization_id, found.number,
            )  # fmt: skip


def _once_each(events: Sequence[AgentEvent]) -> list[AgentEvent]:
    """A tool's call is told by the model that asked for it and by its own span, its answer by that span and to the next
    model: in the place of the first, with all that they say."""
    found: dict[str, AgentEvent] = {}
    for event in events:
        known = found.setdefault(event.idempotency_key, event)
        if known is not event and event.type in ("tool_call", "tool_result"):
            found[event.idempotency_key] = united(known, event)
    return list(found.values())


def _conversations(spans: Sequence[AgentSpan]) -> dict[str, str]:
    """By trace: the conversation that the first span of it that names one names."""
    found: dict[str, str] = {}
    for span in spans:
        if span.conversation is not None:
            found.setdefault(span.trace_id, span.conversation)
    return found

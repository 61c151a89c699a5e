"""One transaction of the intake: what is new of each submission, within its quota, with its issues and its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from model.times import iso
from store.statements import is_sqlite, rows, run, run_many
from store.wakeups import wake
from telemetry.events import Event
from telemetry.items import Generation
from telemetry.spans import Span
from telemetry.stored.head import Head, hold_head, keep_head
from telemetry.stored.issue_counts import count_in_issues

TOPIC = "telemetry"
"""The wake-up that something was stored."""
SAME_BODY_MS = 60_000
EVENTS, TRACES, GENERATIONS = "events", "traces", "generations"
"""What is counted. Spans count as traces, generations beside both."""
QUOTA = "quota"


@dataclass
class Submission:
    """What one request sends to one project. `quota`: by kind, None for any number. `whole`: all of it or nothing.
    `body`: its digest, where an equal body within 60 s is the same, and `answer`, what is said of it then too.
    `dropped`: what was left out of it before, by (kind, reason)."""

    project: int
    events: Sequence[Event] = ()
    spans: Sequence[Span] = ()
    generations: Sequence[Generation] = ()
    quota: dict[str, int | None] = field(default_factory=dict)
    whole: bool = False
    body: str | None = None
    answer: str = ""
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        return len(self.events) + len(self.spans) + len(self.generations)

    def parts(self, most: int) -> list[Submission]:
        """It, or what may be stored one after the other, each of so many things at most: a body may hold a great many
        small ones, and others wait for their turn."""
        if self.whole or self.size <= most:
            return [self]
        events = [replace(self, events=self.events[n : n + most], spans=()) for n in range(0, len(self.events), most)]
        spans = [
            replace(self, events=(), spans=self.spans[n : n + most], dropped=Counter())
            for n in range(0, len(self.spans), most)
        ]
        for part in events[1:]:
            part.dropped = Counter()
        if not events and spans:
            spans[0].dropped = self.dropped
        return [*events, *spans]


@dataclass
class Outcome:
    """`over`: the ids of what the quota had no room for. `spent`: it had none for anything new. `answer`: what is to be
    said, which may be what was said before."""

    answer: str = ""
    over: set[tuple[str, ...]] = field(default_factory=set)
    spent: bool = False


def month_of(at_ms: int) -> str:
    """`2026-11`."""
    return (iso(at_ms) or "")[:7]


def store_all(session: Session, submissions: Sequence[Submission], now_ms: int) -> list[Outcome]:
    """Store what is new; what each submission is to be told. In a write of the telemetry store."""
    head = hold_head(session, now_ms)
    batch = _Batch(session, submissions, head)
    outcomes = [batch.take(submission) for submission in submissions]
    batch.write()
    keep_head(session, head)
    wake(session, TOPIC)
    return outcomes


class _Batch:
    """What several submissions come to."""

    def __init__(self, session: Session, submissions: Sequence[Submission], head: Head) -> None:
        self._session = session
        self._head = head
        self._month = month_of(head.at_ms)
        projects = sorted({submission.project for submission in submissions})
        self._stored = _stored_counts(session, projects, self._month)
        self._events = {(s.project, event.event_id) for s in submissions for event in s.events}
        self._known = _known_events(session, self._events) | _known_spans(session, submissions)
        self._bodies = _known_bodies(session, [s.body for s in submissions if s.body], head.at_ms)
        self._new_bodies: list[tuple[str, str, int]] = []
        self._new_events: list[Event] = []
        self._new_spans: list[Span] = []
        self._new_generations: list[Generation] = []
        self._counts: Counter[tuple[int, str, str]] = Counter()

    def take(self, submission: Submission) -> Outcome:
        for (kind, reason), count in submission.dropped.items():
            self._counts[submission.project, kind, reason] += count
        if submission.body is not None:
            before = self._bodies.get(submission.body)
            if before is not None:
                return Outcome(before)
        outcome = Outcome(submission.answer)
        events = self._fresh(submission, [(event.event_id,) for event in submission.events])
        spans = self._fresh(submission, [(span.trace_id, span.span_id) for span in submission.spans])
        over = {*self._past_quota(submission, EVENTS, events), *self._past_quota(submission, TRACES, spans)}
        if over and submission.whole:
            over = set(events) | set(spans)
        outcome.spent = bool(over) and len(over) == len(events) + len(spans)
        outcome.over = over
        self._count_over(submission, over)
        if over and submission.whole:
            return outcome
        self._add(submission, over)
        if submission.body is not None:
            self._bodies[submission.body] = submission.answer
            self._new_bodies.append((submission.body, submission.answer, self._head.at_ms + SAME_BODY_MS))
        return outcome

    def _fresh(self, submission: Submission, ids: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Those that are not stored, each once."""
        return [key for key in dict.fromkeys(ids) if (submission.project, *key) not in self._known]

    def _past_quota(self, submission: Submission, kind: str, fresh: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Those that there is no room for."""
        quota = submission.quota.get(kind)
        return [] if quota is None else fresh[max(0, quota - self._stored[submission.project, kind]) :]

    def _count_over(self, submission: Submission, over: set[tuple[str, ...]]) -> None:
        for key in over:
            self._counts[submission.project, EVENTS if len(key) == 1 else TRACES, QUOTA] += 1

    def _add(self, submission: Submission, over: set[tuple[str, ...]]) -> None:
        for event in submission.events:
            key = (submission.project, event.event_id)
            if key not in self._known and (event.event_id,) not in over:
                self._known.add(key)
                self._new_events.append(event)
                self._stored[submission.project, EVENTS] += 1
                self._counts[submission.project, EVENTS, ""] += 1
        for span in submission.spans:
            of_span = (submission.project, span.trace_id, span.span_id)
            if of_span not in self._known and of_span[1:] not in over:
                self._known.add(of_span)
                self._new_spans.append(span)
                self._stored[submission.project, TRACES] += 1
                self._counts[submission.project, TRACES, ""] += 1
        self._new_generations += submission.generations
        if submission.generations:
            self._counts[submission.project, GENERATIONS, ""] += len(submission.generations)

    def write(self) -> None:
        session, head = self._session, self._head
        first = head.events + 1
        issues = count_in_issues(session, head, self._new_events)
        head.events += len(self._new_events)
        run_many(
            session, _EVENT, [_event_row(e, first + n, issues[n], head.at_ms) for n, e in enumerate(self._new_events)]
        )
        if self._new_events and is_sqlite(session):
            texts = [(first + n, event.search) for n, event in enumerate(self._new_events)]
            run_many(session, "INSERT INTO events_text (rowid, search) VALUES (?, ?)", texts)
        run_many(session, _SPAN, [_span_row(s, head.spans + 1 + n, head.at_ms) for n, s in enumerate(self._new_spans)])
        head.spans += len(self._new_spans)
        fresh = enumerate(self._new_generations, head.generations + 1)
        run_many(session, _GENERATION, [_generation_row(g, seq, head.at_ms) for seq, g in fresh])
        head.generations += len(self._new_generations)
        counts = [(project, self._month, kind, why, n) for (project, kind, why), n in sorted(self._counts.items())]
        run_many(session, COUNT, counts)
        if self._new_bodies:
            run(session, "DELETE FROM bodies WHERE until_ms <= ?", head.at_ms)
            run_many(session, _BODY, self._new_bodies)


_EVENT = (
    "INSERT INTO events (seq, project, event_id, issue, level, at_ms, received_ms, environment, release, user_key, "
    "trace_id, tags, search, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SPAN = (
    "INSERT INTO spans (seq, project, trace_id, span_id, parent_span_id, name, op, status, start_ms, end_ms, "
    "received_ms, environment, release, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_GENERATION = (
    "INSERT INTO generations (seq, project, provider, model, status, at_ms, received_ms, input_tokens, output_tokens, "
    "cost_usd, latency_ms, trace_id, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
COUNT = (
    "INSERT INTO usage (project, month, kind, reason, count) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (project, month, kind, reason) DO UPDATE SET count = usage.count + excluded.count"
)
_BODY = "INSERT INTO bodies (digest, answer, until_ms) VALUES (?, ?, ?)"


def _event_row(event: Event, seq: int, issue: int, received_ms: int) -> tuple[object, ...]:
    return (
        seq, event.project, event.event_id, issue, event.level, min(event.at_ms, received_ms), received_ms,
        event.environment, event.release, event.user_key, event.trace_id, event.tags, event.search, event.payload,
    )  # fmt: skip


def _span_row(span: Span, seq: int, received_ms: int) -> tuple[object, ...]:
    return (
        seq, span.project, span.trace_id, span.span_id, span.parent_span_id, span.name, span.op, span.status,
        span.start_ms, span.end_ms, received_ms, span.environment, span.release, span.payload,
    )  # fmt: skip


def _generation_row(made: Generation, seq: int, received_ms: int) -> tuple[object, ...]:
    return (
        seq, made.project, made.provider, made.model, made.status, made.at_ms, received_ms, made.input_tokens,
        made.output_tokens, made.cost_usd, made.latency_ms, made.trace_id, made.payload,
    )  # fmt: skip


def _stored_counts(session: Session, projects: list[int], month: str) -> Counter[tuple[int, str]]:
    query = "SELECT project, kind, count FROM usage WHERE project IN ? AND month = ? AND reason = ''"
    return Counter({(project, kind): int(count) for project, kind, count in rows(session, query, projects, month)})


def _known_events(session: Session, keys: set[tuple[int, str]]) -> set[tuple[object, ...]]:
    known: set[tuple[object, ...]] = set()
    for project in {key[0] for key in keys}:
        ids = [event_id for of, event_id in keys if of == project]
        query = "SELECT event_id FROM events WHERE project = ? AND event_id IN ?"
        known.update((project, row[0]) for row in rows(session, query, project, ids))
    return known


def _known_spans(session: Session, submissions: Sequence[Submission]) -> set[tuple[object, ...]]:
    known: set[tuple[object, ...]] = set()
    for project in {submission.project for submission in submissions if submission.spans}:
        spans = [span for submission in submissions if submission.project == project for span in submission.spans]
        query = "SELECT trace_id, span_id FROM spans WHERE project = ? AND trace_id IN ? AND span_id IN ?"
        traces, ids = sorted({span.trace_id for span in spans}), sorted({span.span_id for span in spans})
        known.update((project, *row) for row in rows(session, query, project, traces, ids))
    return known


def _known_bodies(session: Session, digests: list[str], now_ms: int) -> dict[str, str]:
    if not digests:
        return {}
    query = "SELECT digest, answer FROM bodies WHERE digest IN ? AND until_ms > ?"
    return dict(tuple(row) for row in rows(session, query, digests, now_ms))

"""A query's terms as the WHERE of a statement on events. Tokens are looked up in the index of words (SQLite's FTS5,
PostgreSQL's tsvector); what can't be a token, and what is not wanted, is judged row by row, newest first, as far as the
limit needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from store.statements import is_sqlite
from telemetry.queries import After, Before, Field, Level, Term, Within, Words
from telemetry.stored.head import events_before
from telemetry.words import term

COLUMNS = {"release": "e.release", "environment": "e.environment", "user.id": "e.user_key", "trace_id": "e.trace_id"}


@dataclass
class Where:
    """`tables` and `condition` with `values` for its question marks, in which an event is `e`. `seq`: its number, where
    it is quickest to be had."""

    tables: str = "events e"
    seq: str = "e.seq"
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values += values

    @property
    def condition(self) -> str:
        return " AND ".join(self.conditions)


def where(
    session: Session, projects: Sequence[int], terms: Sequence[Term], now_ms: int, issues: Sequence[int] | None = None
) -> Where:
    """Events of these projects that the terms are true of. `issues`: of these alone."""
    tokens, beginnings = _tokens(terms)
    found = Where()
    if tokens or beginnings:
        _look_up(found, [*tokens], beginnings, projects, sqlite=is_sqlite(session))
    elif len(projects) == 1 and issues is None:
        found.add("e.project = ?", projects[0])
    else:
        found.add("+e.project IN ?", list(projects))  # along the numbers: those of several projects lie mixed
    if issues is not None and len(issues) == 1:
        found.add("e.issue = ?", issues[0])  # they come in order, however many there are
    elif issues is not None:
        found.add("e.issue IN ?", list(issues))
    since = [term.at_ms for term in terms if isinstance(term, After)]
    since += [now_ms - term.ms for term in terms if isinstance(term, Within)]
    if since:
        found.add(f"{found.seq} > ? AND e.at_ms >= ?", events_before(session, max(since)), max(since))
    for wanted in terms:
        _judge(found, wanted, sqlite=is_sqlite(session))
    return found


def _tokens(terms: Sequence[Term]) -> tuple[list[str], list[str]]:
    """What each wanted event has: tokens, and beginnings of tokens."""
    tokens: list[str] = []
    beginnings: list[str] = []
    for wanted in terms:
        if isinstance(wanted, Field) and not wanted.negated and not wanted.begins:
            tokens.append(term(wanted.name, wanted.value))
        elif isinstance(wanted, Words) and not wanted.negated:
            whole = wanted.words[:-1] if wanted.begins else wanted.words
            tokens += whole
            beginnings += wanted.words[-1:] if wanted.begins else ()
    return tokens, beginnings


def _look_up(found: Where, tokens: list[str], beginnings: list[str], projects: Sequence[int], *, sqlite: bool) -> None:
    if not sqlite:
        parts = [*(f"'{token}'" for token in tokens), *(f"'{start}':*" for start in beginnings)]
        found.add("e.tokens @@ ?::tsquery AND e.project IN ?", " & ".join(parts), list(projects))
        return
    if len(projects) == 1:
        tokens = [*tokens, term("project", str(projects[0]))]
    parts = [*(f'"{token}"' for token in tokens), *(f'"{start}" *' for start in beginnings)]
    found.tables = "events_text t CROSS JOIN events e ON e.seq = t.rowid"  # in this order, whatever SQLite believes
    found.seq = "t.rowid"
    found.add("events_text MATCH ? AND +e.project IN ?", " AND ".join(parts), list(projects))


def _judge(found: Where, wanted: Term, *, sqlite: bool) -> None:
    if isinstance(wanted, Level):
        found.add(f"e.level {'<>' if wanted.negated else '='} ?", wanted.level)
    elif isinstance(wanted, Before):
        found.add("e.at_ms < ?", wanted.at_ms)
    elif isinstance(wanted, Field):
        _judge_field(found, wanted, sqlite=sqlite)
    elif isinstance(wanted, Words) and (wanted.negated or len(wanted.words) > 1):
        part = f" {' '.join(wanted.words)}{'' if wanted.begins else ' '}"
        found.add(f"{_place(sqlite=sqlite)} {'=' if wanted.negated else '>'} 0", part)


def _place(*, sqlite: bool) -> str:
    """Where in an event's tokens some of them stand, 0 for nowhere. A function, not LIKE: of that PostgreSQL believes
    that hardly anything fits, and would sort all that has the words to find a hundred."""
    return "instr(e.search, ?)" if sqlite else "strpos(e.search, ?)"


def _judge_field(found: Where, wanted: Field, *, sqlite: bool) -> None:
    if not wanted.begins:
        if wanted.negated:
            found.add(f"{_place(sqlite=sqlite)} = 0", f" {term(wanted.name, wanted.value)} ")
        return
    value = COLUMNS.get(wanted.name)
    values: list[Any] = []
    if value is None:  # a tag
        value = "json_extract(e.tags, ?)" if sqlite else "(e.tags::jsonb ->> ?)"
        values.append(f'$."{wanted.name}"' if sqlite else wanted.name)
    condition = f"substr({value}, 1, {len(wanted.value)}) = ?"
    if wanted.negated:
        condition = f"COALESCE({condition}, {'0' if sqlite else 'false'}) = {'0' if sqlite else 'false'}"
    found.add(condition, *values, wanted.value)

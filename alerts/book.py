"""What is in force, kept in memory: rules, maintenance windows, silences, by organization.

Read again when the number of their newest change is another one than the one known: one small query a batch of results.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session

from alerts.quieted import Quieted
from alerts.rules.base import RuleDefinition
from alerts.rules.registry import RULES
from alerts.state import Rule
from model.fields import STORED
from model.schedule import next_fire
from store.alert_rules import rules_in_force
from store.alert_tables import AlertRule, MaintenanceWindow, Silence
from store.alerting_feed import alerting_number
from store.maintenance_windows import windows_not_over
from store.statements import from_json, rows

_DAY_MS = 86_400_000


class Window(msgspec.Struct, frozen=True):
    """A maintenance window: once, or from each fire time of `cron` for `duration_ms`; then it never holds before
    `made_ms`, when it was planned, and a time that was ended early ends at that instant of `ended`. `message`: for
    visitors of status pages."""

    id: str
    name: str
    apply_to: Quieted
    starts_ms: int | None
    ends_ms: int | None
    cron: str | None
    duration_ms: int
    timezone: str
    made_ms: int = 0
    message: str | None = None
    ended: tuple[int, ...] = ()
    changed_ms: int = 0

    def holds_at(self, at_ms: int) -> bool:
        return next(self.times(at_ms, at_ms + 1), None) is not None

    def times(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int]]:
        """[from, to) of each of its times that touch [from_ms, to_ms), rising."""
        if self.cron is None:
            start, stop = self.starts_ms or 0, self.ends_ms or 0
            if start < to_ms and stop > from_ms:
                yield start, stop
            return
        fire = next_fire(self.cron, self.timezone, max(from_ms, self.made_ms) - self.duration_ms)
        while fire is not None and fire < to_ms:
            stop = next((end for end in self.ended if fire <= end < fire + self.duration_ms), fire + self.duration_ms)
            start = max(fire, self.made_ms)
            if start < to_ms and stop > max(start, from_ms):
                yield start, stop
            fire = next_fire(self.cron, self.timezone, fire)


class Quiet(msgspec.Struct, frozen=True):
    """A silence."""

    id: str
    match: Quieted
    reason: str
    starts_ms: int
    ends_ms: int


class InForce(msgspec.Struct, frozen=True):
    """Of one organization."""

    rules: tuple[Rule, ...] = ()
    windows: tuple[Window, ...] = ()
    silences: tuple[Quiet, ...] = ()

    def rules_for(self, check_id: str, tags: Sequence[str]) -> list[Rule]:
        return [rule for rule in self.rules if rule.definition.apply_to.covers(check_id, tags)]

    def window_at(self, subject_id: str, tags: Sequence[str], at_ms: int) -> Window | None:
        """Of a check with these tags, or of a project."""
        found = (window for window in self.windows if window.apply_to.covers(subject_id, tags))
        return next((window for window in found if window.holds_at(at_ms)), None)

    def silence_at(self, subject_id: str, tags: Sequence[str], at_ms: int) -> Quiet | None:
        """The same of silences."""
        found = (silence for silence in self.silences if silence.match.covers(subject_id, tags))
        return next((silence for silence in found if silence.starts_ms <= at_ms < silence.ends_ms), None)


_NOTHING = InForce()


class Book(msgspec.Struct):
    """Everything in force as of one number, and which rules each check version is covered by, as it is asked for."""

    number: int
    organizations: Mapping[str, InForce]
    _covering: dict[tuple[str, int], tuple[Rule, ...]] = msgspec.field(default_factory=dict)
    _tags: dict[tuple[str, int], tuple[str, ...]] = msgspec.field(default_factory=dict)

    def of(self, organization_id: str) -> InForce:
        return self.organizations.get(organization_id, _NOTHING)

    def covering(
        self, session: Session, checks: Iterable[tuple[str, str, int]]
    ) -> dict[tuple[str, int], tuple[Rule, ...]]:
        """The rules that cover each (organization, check, version), by (check, version). The version only says how old
        the answer may be: what counts is the check as it is."""
        wanted = {(check_id, version): organization for organization, check_id, version in checks}
        unknown = [key for key, organization in wanted.items() if key not in self._covering]
        if unknown:
            tags = tags_of(session, {check_id for check_id, _ in unknown})
            for key in unknown:
                in_force = self.of(wanted[key])
                self._tags[key] = tuple(tags.get(key[0], ()))
                self._covering[key] = tuple(in_force.rules_for(key[0], self._tags[key]))
        return {key: self._covering[key] for key in wanted}

    def tags(self, check_id: str, version: int) -> tuple[str, ...]:
        """Of a check that `covering` was asked for."""
        return self._tags.get((check_id, version), ())


_books: WeakKeyDictionary[Engine | Connection, Book] = WeakKeyDictionary()
_lock = threading.Lock()


def book_of(session: Session) -> Book:
    """What is in force now. In a session of EVERY_ORGANIZATION."""
    number = alerting_number(session)
    known = _books.get(session.get_bind())
    if known is not None and known.number == number:
        return known
    book = _read(session, number)
    with _lock:
        _books[session.get_bind()] = book
    return book


def rule_of(row: AlertRule) -> Rule:
    """A stored rule as it is evaluated."""
    definition: RuleDefinition = RULES[row.type].model_validate(row.definition, context=STORED)
    return Rule(row.id, row.since_ms, definition)


def tags_of(session: Session, check_ids: Iterable[str]) -> dict[str, list[str]]:
    """The tags of these checks as they are now."""
    query = "SELECT id, definition FROM checks WHERE id IN ? AND deleted_ms IS NULL"
    found = rows(session, query, sorted(check_ids))
    return {check_id: from_json(definition).get("tags") or [] for check_id, definition in found}


def _read(session: Session, number: int) -> Book:
    rules: dict[str, list[Rule]] = {}
    windows: dict[str, list[Window]] = {}
    silences: dict[str, list[Quiet]] = {}
    for rule in rules_in_force(session):
        rules.setdefault(rule.organization_id, []).append(rule_of(rule))
    for row in session.scalars(select(MaintenanceWindow).where(MaintenanceWindow.deleted_ms.is_(None))):
        windows.setdefault(row.organization_id, []).append(window_of(row))
    for quiet in session.scalars(select(Silence)):
        silences.setdefault(quiet.organization_id, []).append(quiet_of(quiet))
    return Book(
        number,
        {
            organization: InForce(
                tuple(rules.get(organization, ())),
                tuple(windows.get(organization, ())),
                tuple(silences.get(organization, ())),
            )
            for organization in rules.keys() | windows.keys() | silences.keys()
        },
    )


def windows_at(session: Session, organization_id: str, now_ms: int) -> list[Window]:
    """The organization's maintenance windows that hold now, asked of the store: for whoever may see that organization
    alone."""
    windows = map(window_of, windows_not_over(session, organization_id, now_ms))
    return [window for window in windows if window.holds_at(now_ms)]


def quiet_of(row: Silence) -> Quiet:
    """A stored silence as it is asked for."""
    return Quiet(row.id, _covered(row.match), row.reason, row.starts_ms, row.ends_ms)


def window_of(row: MaintenanceWindow) -> Window:
    """A stored maintenance window as it is asked for."""
    return Window(
        id=row.id,
        name=row.name,
        apply_to=_covered(row.apply_to),
        starts_ms=row.starts_ms,
        ends_ms=row.ends_ms,
        cron=row.cron,
        duration_ms=(row.duration_s or 0) * 1000,
        made_ms=row.created_ms,
        message=row.message,
        ended=tuple(row.ended or ()),
        changed_ms=row.updated_ms,
        timezone=row.timezone,
    )


def _covered(stored: object) -> Quieted:
    return Quieted.model_validate(stored, context=STORED)

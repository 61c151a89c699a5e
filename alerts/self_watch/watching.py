"""Tracer looks at itself: what is wrong becomes a notice, what is wrong no more resolves its own.

A watch says what is wrong now; it reads and changes nothing. Whoever runs it compares that with the notices that are
open, and writes only when they differ, so a Tracer that is well writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from alerts.notices import end_notice, raise_notice, resolve_notice, tell_of_past, tell_owed
from model.notices import NOTICES_PAGE, NoticeKind
from model.plans import Plans
from model.settings import Settings
from store.alert_tables import Notice
from store.notices import newest_notice, open_notices
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

LOOK_S = 5.0
"""How often to look."""
STALE_S = 3.0
"""Who had to wait so long for its turn to write looks again first: what it saw may be over."""
_log = structlog.get_logger(__name__)


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong, as a notice of one organization says it. `between_ms`: it was so from, until, and is over."""

    organization_id: str
    kind: NoticeKind
    subject: str
    severity: str
    message: str
    between_ms: tuple[int, int] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.organization_id, self.kind.value, self.subject


class View(msgspec.Struct, frozen=True):
    """What a watch looks at: the store, and `known`, its notices that are open, for thresholds with hysteresis."""

    session: Session
    now_ms: int
    known: Sequence[Notice]
    data_dir: Path
    plans: Plans

    def knows(self, organization_id: str, kind: NoticeKind, subject: str) -> bool:
        """Whether that notice is open."""
        return any((each.organization_id, each.kind, each.subject) == (organization_id, kind, subject)
                   for each in self.known)  # fmt: skip

    def told(self, organization_id: str, kind: NoticeKind, subject: str) -> bool:
        """Whether there ever was that notice."""
        return newest_notice(self.session, organization_id, kind.value, subject) is not None


class Watch(msgspec.Struct, frozen=True):
    """`look` lists all that is wrong of these kinds, or answers None when nobody could say now: then all stays.
    `ends_quietly`: nobody has to be told that it is over."""

    kinds: tuple[NoticeKind, ...]
    look: Callable[[View], Iterable[Trouble] | None]
    ends_quietly: bool = False


class _Changes(msgspec.Struct):
    said: list[Trouble]
    over: list[tuple[str, str, str]]


def still(notice: Notice) -> Trouble:
    """What an open notice says goes on, in the same words."""
    kind = NoticeKind(notice.kind)
    return Trouble(notice.organization_id, kind, notice.subject, notice.severity, notice.message)


class Watching:
    """Call it every few seconds, in one place at a time or in several: twice the same does no harm."""

    def __init__(self, watches: Sequence[Watch], settings: Settings) -> None:
        self._watches = watches
        self._data_dir = settings.data_dir
        self._plans = settings.plans
        self._link = settings.links_begin + NOTICES_PAGE

    def __call__(self, database: Database) -> None:
        """Look once. What one watch can't do keeps no other from looking."""
        failures: list[SQLAlchemyError] = []
        seen: list[tuple[Watch, _Changes]] = []
        with database.read(EVERY_ORGANIZATION) as session:
            looked_s = time.monotonic()
            for watch in self._watches:
                try:
                    seen.append((watch, self._look(session, database.now_ms(session), watch)))
                except SQLAlchemyError as error:
                    session.rollback()
                    failures.append(error)
        for watch, changes in seen:
            try:
                self._write(database, watch, changes, looked_s)
            except SQLAlchemyError as error:
                failures.append(error)
        tell_owed(database)
        if failures:
            raise failures[-1]

    def _look(self, session: Session, now_ms: int, watch: Watch) -> _Changes:
        known = open_notices(session, [kind.value for kind in watch.kinds])
        found = watch.look(View(session, now_ms, known, self._data_dir, self._plans))
        return _Changes([], []) if found is None else _compare(known, list(found))

    def _write(self, database: Database, watch: Watch, changes: _Changes, looked_s: float) -> None:
        if not (changes.said or changes.over):
            return
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            now_ms = database.now_ms(session)
            if time.monotonic() - looked_s > STALE_S:
                return
            self._say(session, changes, now_ms, end_notice if watch.ends_quietly else resolve_notice)

    def _say(self, session: Session, changes: _Changes, now_ms: int, end: Callable[..., None]) -> None:
        """In the order of organizations: whoever else says something takes its turns in that order too."""
        for organization_id, kind, subject in sorted(changes.over):
            end(session, organization_id, kind=kind, subject=subject, now_ms=now_ms)
            _log.info("notice.resolved", kind=kind, subject=subject)
        for trouble in sorted(changes.said, key=lambda trouble: trouble.key):
            _log.warning("notice", kind=trouble.kind.value, subject=trouble.subject, message=trouble.message)
            said = {
                "kind": trouble.kind.value,
                "subject": trouble.subject,
                "severity": trouble.severity,
                "message": trouble.message,
                "link": self._link,
            }
            if trouble.between_ms is None:
                raise_notice(session, trouble.organization_id, **said, now_ms=now_ms)
            else:
                tell_of_past(session, trouble.organization_id, **said, between_ms=trouble.between_ms, now_ms=now_ms)


def _compare(known: Sequence[Notice], found: Sequence[Trouble]) -> _Changes:
    said = {(notice.organization_id, notice.kind, notice.subject): notice for notice in known}
    new = [
        trouble
        for trouble in found
        if trouble.key not in said
        or (said[trouble.key].message, said[trouble.key].severity) != (trouble.message, trouble.severity)
    ]
    still = {trouble.key for trouble in found}
    return _Changes(new, [key for key in said if key not in still])

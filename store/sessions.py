"""The one door to a database: who may see what, in which kind of transaction, and by whose clock.

    with database.read(organization_id) as session: …             rows of that organization only
    with database.write(organization_id, Urgency.PEOPLE) as session: …
    with database.read(EVERY_ORGANIZATION) as session: …          the service's own work, said out loud

Writes on SQLite are `BEGIN IMMEDIATE` under one fair in-process lock; a write transaction that reads first can
therefore never fail to upgrade. On PostgreSQL the lock is the database's. People hear after 5 s that somebody else
holds it, by an OperationalError or WriterBusyError; our own work has more patience. Wake-ups asked for inside a write
(`wake`) are sent when, and only when, it has committed.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    cast,
    create_engine,
    event,
    extract,
    func,
    literal,
    make_url,
    text,
)
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from store.announcements import write_announced
from store.audit import Recorder
from store.audit_chain import Sign
from store.steady_clock import SteadyClock
from store.tables import Scoped
from store.wakeups import Wakeups
from store.write_lock import Urgency, WriteLock


class _Every:
    """The type of EVERY_ORGANIZATION."""


EVERY_ORGANIZATION: Final = _Every()
Scope = str | _Every
_SCOPE = "organization_id"
PATIENCE_S = 5.0
"""How long what people send waits for the writer's turn; on PostgreSQL, any statement for a lock."""
_LOCKED_S = 30
"""SQLite: how long our own work waits for another process that writes."""
TELEMETRY = "telemetry"
"""What the store of errors and traces is called: a schema on PostgreSQL, the end of a file's name on SQLite."""
_NOW = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")


class UnscopedStatementError(RuntimeError):
    """A statement on an organization's table, in a session of one organization, that bypasses the ORM's filter."""


class Database:
    """One engine, its lock, its clock. Make one per process; threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        now_ms: Callable[[], int] | None = None,
        patience_s: float = PATIENCE_S,
        schema: str | None = None,
    ) -> None:
        """`now_ms` replaces the clock (tests). SQLite shares this host's clock; PostgreSQL is asked for its own.
        `schema`: on PostgreSQL, where its tables are."""
        self.sqlite = url.startswith("sqlite")
        self.engine = _sqlite_engine(url) if self.sqlite else _postgres_engine(url, patience_s, schema)
        self.schema = schema
        self._url = url
        self._beside = threading.Lock()
        self._telemetry: Database | None = None
        self.wakeups = Wakeups(None if self.sqlite else self.engine)
        self._clock = now_ms
        self._steady = SteadyClock()
        self._lock = WriteLock()
        self._patience_s = patience_s
        self._writing: Connection | None = None
        self._make: sessionmaker[Session] = sessionmaker(self.engine, expire_on_commit=False)
        event.listen(self._make, "do_orm_execute", _apply_scope)
        self._audit = Recorder()
        self._audit.listen(self._make)

    @property
    def telemetry(self) -> Database:
        """The store of errors and traces that belongs to this one. Apart from it, with connections and, on SQLite, a
        file and a writer of its own: however many errors come, no slot waits for them (docs/decisions/0016)."""
        with self._beside:
            if self._telemetry is None:
                url = beside(self._url) if self.sqlite else self._url
                self._telemetry = Database(url, now_ms=self._clock, patience_s=self._patience_s, schema=TELEMETRY)
            return self._telemetry

    def seal_with(self, sign: Sign) -> None:
        """What the events of the audit log are sealed with. Until it is known, nothing can be written that is audited;
        Keyring.load says it."""
        self._audit.sign = sign

    @contextmanager
    def read(self, scope: Scope) -> Iterator[Session]:
        """A read transaction: one consistent view, nothing is written."""
        with self._make(info={_SCOPE: scope}) as session:
            yield session

    @contextmanager
    def write(self, scope: Scope, urgency: Urgency) -> Iterator[Session]:
        """A write transaction: committed at the end of the block, rolled back if it raises.

        OperationalError or WriterBusyError when somebody else holds the lock for too long."""
        if not self.sqlite:
            with self._make(info={_SCOPE: scope}) as session:
                yield from self._commit(session)
            return
        patience_s = self._patience_s if urgency is Urgency.PEOPLE else None
        asked_s = time.monotonic()
        with self._lock.hold(urgency, patience_s):
            left_s = _LOCKED_S if patience_s is None else max(0.0, patience_s - (time.monotonic() - asked_s))
            with self._make(bind=self._writer(left_s), info={_SCOPE: scope}) as session:
                session.connection()  # begins now: whoever is let in here holds the lock
                yield from self._commit(session)

    def _writer(self, locked_s: float) -> Connection:
        """SQLite's one writing connection, the holder of the lock's: what it has read and prepared stays good from one
        transaction to the next, since nobody else writes. Another one each time read 23 pages anew for each result."""
        if self._writing is None or self._writing.closed:
            self._writing = self.engine.connect()
        return self._writing.execution_options(immediate=True, locked_s=locked_s)

    def _commit(self, session: Session) -> Iterator[Session]:
        topics: set[str] = session.info.setdefault("topics", set())
        with session.begin() if not session.in_transaction() else _commit_at_end(session):
            yield session
            self._audit.write(session, self.now_ms)
            write_announced(session, self.now_ms)
            self.wakeups.in_transaction(session, topics)
        self.wakeups.after_commit(topics)

    def now_ms(self, session: Session) -> int:
        """The time by which dues, leases and deadlines are judged: the database's (R11), never running backwards."""
        if self._clock is not None:
            return self._clock()
        if self.sqlite:
            return self._steady.follow(time.time_ns() // 1_000_000)
        return self._steady.follow(int(session.connection().execute(_NOW).scalar_one()))

    def now(self) -> ColumnElement[int]:
        """The same time within a statement, for those that must not ask for it first. On PostgreSQL it is the server's
        as it is, which may step."""
        if self._clock is not None:
            return literal(self._clock())
        if self.sqlite:
            return literal(self._steady.follow(time.time_ns() // 1_000_000))
        return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    def close(self) -> None:
        if self._telemetry is not None:
            self._telemetry.close()
        self.wakeups.close()
        with self._lock.hold(Urgency.HOUSEKEEPING):
            if self._writing is not None:
                self._writing.close()
        self.engine.dispose()


@contextmanager
def _commit_at_end(session: Session) -> Iterator[None]:
    try:
        yield
    except BaseException:
        session.rollback()
        raise
    session.commit()


def _apply_scope(state: ORMExecuteState) -> None:
    scope = state.session.info.get(_SCOPE)
    if scope is EVERY_ORGANIZATION:
        return
    if not isinstance(scope, str):
        raise UnscopedStatementError("a session needs an organization, or EVERY_ORGANIZATION said out loud")
    if not state.is_orm_statement and not state.is_insert:
        raise UnscopedStatementError("in an organization's session, query the mapped classes, not tables or text")
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(
            with_loader_criteria(Scoped, lambda cls: cls.organization_id == scope, include_aliases=True)
        )


def beside(url: str) -> str:
    """`sqlite:///…/tracer.db` -> `sqlite:///…/tracer-telemetry.db`."""
    main = make_url(url)
    file = Path(main.database or "")
    named = main.set(database=str(file.with_name(f"{file.stem}-{TELEMETRY}{file.suffix}")))
    return named.render_as_string(hide_password=False)


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": _LOCKED_S, "check_same_thread": False},
        pool_size=20,
        max_overflow=20,
        pool_use_lifo=True,  # the one that was used last has its pages and statements at hand
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        _write_ahead(cursor)
        for pragma in (
            "synchronous=FULL",  # an acknowledged result is on disk (R8)
            "foreign_keys=ON",
            "cache_size=-65536",
            "temp_store=MEMORY",
            "wal_autocheckpoint=1000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        options = connection.get_execution_options()
        if not options.get("immediate"):
            connection.exec_driver_sql("BEGIN")
            return
        locked_ms = round(options.get("locked_s", _LOCKED_S) * 1000)
        connection.connection.driver_connection.execute(f"PRAGMA busy_timeout={locked_ms}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _write_ahead(cursor: Any) -> None:
    """WAL, once for all. Unlike other statements this one does not wait for a lock: of processes that start together,
    all but one are told "locked" and have to ask again."""
    deadline = time.monotonic() + _LOCKED_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _postgres_engine(url: str, patience_s: float, schema: str | None) -> Engine:
    found: dict[str, Any] = {} if schema is None else {"options": f"-c search_path={schema}"}
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, **found},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.autocommit = True  # or the setting would go with the first rollback
        connection.execute(f"SET lock_timeout = {round(patience_s * 1000)}")
        connection.autocommit = False

    return engine

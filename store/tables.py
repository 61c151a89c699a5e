"""Every table, as SQLAlchemy 2 typed models. Instants are integer ms since the epoch (`*_ms`), ids are text.

Tables that belong to an organization inherit `Scoped`: a session made for one organization sees only its rows, and a
session made for none must say so (store/sessions.py), so no query can forget the filter (R15).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store import alert_tables as alert_tables  # whoever has these tables has those
from store import artifact_tables as artifact_tables
from store import audit_tables as audit_tables
from store import draft_tables as draft_tables
from store import firing_tables as firing_tables
from store import fix_tables as fix_tables
from store import incident_tables as incident_tables
from store import journey_tables as journey_tables
from store import limit_tables as limit_tables
from store import people_tables as people_tables
from store import project_tables as project_tables
from store import status_tables as status_tables
from store import stream_tables as stream_tables
from store import usage_tables as usage_tables
from store.stream_tables import StreamHead as StreamHead
from store.stream_tables import StreamPage as StreamPage
from store.stream_tables import StreamPlace as StreamPlace
from store.table_base import Base as Base
from store.table_base import Json, Ms
from store.table_base import Scoped as Scoped


class Organization(Base):
    """A team: everything else belongs to one."""

    __tablename__ = "organizations"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    default_locations: Mapped[list[str]] = mapped_column(Json)
    created_ms: Mapped[int] = mapped_column(Ms)
    notice_channels: Mapped[list[str] | None] = mapped_column(Json)


class ApiKey(Scoped, Base):
    """A person's or program's key: only its keyed hash is kept. `projects`: ids of those whose errors and traces it may
    see; null for all."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_organization", "organization_id"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(20))
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_ms: Mapped[int] = mapped_column(Ms)
    expires_ms: Mapped[int | None] = mapped_column(Ms)
    last_used_ms: Mapped[int | None] = mapped_column(Ms)
    revoked_ms: Mapped[int | None] = mapped_column(Ms)
    projects: Mapped[list[str] | None] = mapped_column(Json)


class WebSession(Scoped, Base):
    """A browser, or a program, that signed in: a keyed hash of its cookie. It may do what the role of its person allows
    in the organization that it is in now; or, in place of a person, what its API key may. `address`, `user_agent`: what
    it signed in from, so that people know which one it is."""

    __tablename__ = "web_sessions"
    __table_args__ = (
        Index("ix_web_sessions_expires", "expires_ms"),
        Index("ix_web_sessions_person", "person_id"),
        UniqueConstraint("id", name="uq_web_sessions_id"),
    )
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    api_key_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("api_keys.id", ondelete="CASCADE"))
    created_ms: Mapped[int] = mapped_column(Ms)
    seen_ms: Mapped[int] = mapped_column(Ms)
    expires_ms: Mapped[int] = mapped_column(Ms)
    id: Mapped[str] = mapped_column(String(40))
    person_id: Mapped[str | None] = mapped_column(
        String(40), ForeignKey("people.id", name="fk_web_sessions_person", ondelete="CASCADE")
    )
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="", server_default="")


class Check(Scoped, Base):
    """A monitor or journey as it is now. `definition` is the validated JSON with secrets masked; `secrets` is the
    keyring's ciphertext of {"headers.Authorization": …}. The columns beside it are what the hot paths need.
    `judged_from`: alert rules look at runs of this version and later ones, since `judged_from_ms`; those before were of
    another target, or from before a pause."""

    __tablename__ = "checks"
    __table_args__ = (Index("ix_checks_organization", "organization_id", "deleted_ms", "created_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    type: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(10))
    version: Mapped[int] = mapped_column(Integer)
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    secrets: Mapped[bytes | None] = mapped_column(LargeBinary)
    locations: Mapped[list[str]] = mapped_column(Json)
    created_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)
    deleted_ms: Mapped[int | None] = mapped_column(Ms)
    judged_from: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    judged_from_ms: Mapped[int] = mapped_column(Ms, default=0, server_default="0")


class CheckVersion(Scoped, Base):
    """What a check was from `from_ms` on: the scheduler accounts for every slot by the version it fell under.
    `schedule` is a model.schedule.Schedule, or null while paused or deleted."""

    __tablename__ = "check_versions"
    check_id: Mapped[str] = mapped_column(String(40), ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    schedule: Mapped[dict[str, Any] | None] = mapped_column(Json)
    from_ms: Mapped[int] = mapped_column(Ms)
    created_ms: Mapped[int] = mapped_column(Ms)


class LocationState(Scoped, Base):
    """The verdict of one check at one location: its last measured scheduled run, and what was not run since."""

    __tablename__ = "location_states"
    check_id: Mapped[str] = mapped_column(String(40), ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True)
    location: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str | None] = mapped_column(String(10))
    degraded: Mapped[bool] = mapped_column(Boolean, default=False)
    since_ms: Mapped[int | None] = mapped_column(Ms)
    at_ms: Mapped[int | None] = mapped_column(Ms)
    fresh_until_ms: Mapped[int | None] = mapped_column(Ms)
    run_id: Mapped[str | None] = mapped_column(String(40))
    duration_ms: Mapped[float | None] = mapped_column(Float)
    metrics: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[dict[str, Any] | None] = mapped_column(Json)
    unrun_since_ms: Mapped[int | None] = mapped_column(Ms)
    unrun_slots: Mapped[int] = mapped_column(Integer, default=0)
    gap_id: Mapped[str | None] = mapped_column(String(40))


class Run(Scoped, Base):
    """One run: of a slot (its id is a pure function of the slot) or asked for. `at_ms`: when it was due or asked for.
    `detail` holds assertions, attempts, response as the protocol's JSON."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("check_id", "at_ms", "location", "trigger", name="uq_runs_slot"),
        # Failures are few among passes: without an index of their own, listing them reads every run of the check.
        Index(
            "ix_runs_not_success",
            "check_id",
            "at_ms",
            sqlite_where=text("status <> 'success'"),
            postgresql_where=text("status <> 'success'"),
        ),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    check_id: Mapped[str] = mapped_column(String(40))
    check_version: Mapped[int] = mapped_column(Integer)
    location: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[int] = mapped_column(Ms)
    trigger: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    started_ms: Mapped[int | None] = mapped_column(Ms)
    completed_ms: Mapped[int | None] = mapped_column(Ms)
    duration_ms: Mapped[float | None] = mapped_column(Float)
    dns_ms: Mapped[float | None] = mapped_column(Float)
    connect_ms: Mapped[float | None] = mapped_column(Float)
    tls_ms: Mapped[float | None] = mapped_column(Float)
    ttfb_ms: Mapped[float | None] = mapped_column(Float)
    download_ms: Mapped[float | None] = mapped_column(Float)
    degraded: Mapped[bool] = mapped_column(Boolean, default=False)
    maintenance: Mapped[bool] = mapped_column(Boolean, default=False)
    error_code: Mapped[str | None] = mapped_column(String(30))
    error_message: Mapped[str | None] = mapped_column(String)
    probe_id: Mapped[str | None] = mapped_column(String(40))
    dispatch_id: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[bytes | None] = mapped_column(LargeBinary)


class Gap(Scoped, Base):
    """A stretch of slots nobody could run, as one row: slots due in [from_ms, to_ms], how many, and why."""

    __tablename__ = "gaps"
    __table_args__ = (Index("ix_gaps_check", "check_id", "to_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    check_id: Mapped[str] = mapped_column(String(40))
    location: Mapped[str] = mapped_column(String(64))
    from_ms: Mapped[int] = mapped_column(Ms)
    to_ms: Mapped[int] = mapped_column(Ms)
    slots: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(10))
    error_code: Mapped[str] = mapped_column(String(30))
    error_message: Mapped[str] = mapped_column(String)


class _Rollup(Scoped):
    """Counts of one check at one location in one bucket. `planned` = success + failed + the sum of `unmeasured`
    (by reason), always. `maintenance` and `by_hand` (manual, ci, confirm) stand apart from planned.
    `histogram`: model.histogram counts of the durations of measured scheduled runs; `duration_sum_ms` their sum.
    The key has the bucket before the location, so that a window of a check is one range of it; there is no index by
    time alone, which PostgreSQL would read every check's rows of an hour by. SQLite keeps the rows in the key itself:
    a window is read in one go, not by a search for each of its rows."""

    __table_args__: ClassVar[Mapping[str, Any]] = {"sqlite_with_rowid": False}
    check_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    bucket_ms: Mapped[int] = mapped_column(Ms, primary_key=True)
    location: Mapped[str] = mapped_column(String(64), primary_key=True)
    planned: Mapped[int] = mapped_column(Integer)
    success: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    unmeasured: Mapped[dict[str, int] | None] = mapped_column(Json)
    maintenance: Mapped[int] = mapped_column(Integer)
    by_hand: Mapped[dict[str, int] | None] = mapped_column(Json)
    duration_sum_ms: Mapped[float] = mapped_column(Float)
    histogram: Mapped[bytes | None] = mapped_column(LargeBinary)


class RollupHour(_Rollup, Base):
    __tablename__ = "rollups_hour"


class RollupDay(_Rollup, Base):
    __tablename__ = "rollups_day"


_UNCLOSED = text("closed_ms IS NULL")


class Dispatch(Scoped, Base):
    """A batch of runs of one location and kind, waiting for a probe or leased to one (R6). `runs` is a list of
    [run_id, check_id, due_ms, late_limit_ms, trigger]; `priority` 0 was asked for by hand, 1 is of the schedule.
    `token` rises with every lease: a result must carry the newest. `finished` counts its runs that have ended: when
    all have, it is closed. Closed rows linger so late results can be judged."""

    __tablename__ = "dispatches"
    __table_args__ = (
        Index("ix_dispatches_open", "organization_id", "location", "kind", "closed_ms", "priority"),
        Index("ix_dispatches_unclosed", "last_limit_ms", sqlite_where=_UNCLOSED, postgresql_where=_UNCLOSED),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    location: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(10))
    priority: Mapped[int] = mapped_column(Integer)
    runs: Mapped[list[list[Any]]] = mapped_column(Json)
    created_ms: Mapped[int] = mapped_column(Ms)
    first_limit_ms: Mapped[int] = mapped_column(Ms)
    last_limit_ms: Mapped[int] = mapped_column(Ms)
    instance_id: Mapped[str | None] = mapped_column(String(40))
    probe_id: Mapped[str | None] = mapped_column(String(40))
    token: Mapped[int] = mapped_column(Integer)
    leased_ms: Mapped[int | None] = mapped_column(Ms)
    finished: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    closed_ms: Mapped[int | None] = mapped_column(Ms)


class Probe(Scoped, Base):
    """A registered probe: a name, a location and a key, shared by all the instances of a pool."""

    __tablename__ = "probes"
    __table_args__ = (Index("ix_probes_location", "organization_id", "location"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    location: Mapped[str] = mapped_column(String(64))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(20))
    created_ms: Mapped[int] = mapped_column(Ms)
    deleted_ms: Mapped[int | None] = mapped_column(Ms)


class ProbeInstance(Scoped, Base):
    """One running probe process: the one row it renews holds all its leases alive (R6)."""

    __tablename__ = "probe_instances"
    __table_args__ = (Index("ix_probe_instances_location", "organization_id", "location", "lease_until_ms"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    probe_id: Mapped[str] = mapped_column(String(40), ForeignKey("probes.id", ondelete="CASCADE"))
    location: Mapped[str] = mapped_column(String(64))
    lease_until_ms: Mapped[int] = mapped_column(Ms)
    started_ms: Mapped[int] = mapped_column(Ms)
    seen_ms: Mapped[int] = mapped_column(Ms)
    version: Mapped[str] = mapped_column(String(40))
    capabilities: Mapped[list[str]] = mapped_column(Json)
    types: Mapped[list[str]] = mapped_column(Json)
    running: Mapped[int] = mapped_column(Integer)
    spool: Mapped[int] = mapped_column(Integer)
    self_check: Mapped[str] = mapped_column(String(5))
    stopping: Mapped[bool] = mapped_column(Boolean)


class Heartbeat(Scoped, Base):
    """What a heartbeat monitor waits for. `deadline_ms` null: never pinged, so nothing is expected yet."""

    __tablename__ = "heartbeats"
    __table_args__ = (Index("ix_heartbeats_deadline", "deadline_ms"),)
    check_id: Mapped[str] = mapped_column(String(40), ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token: Mapped[bytes] = mapped_column(LargeBinary)
    deadline_ms: Mapped[int | None] = mapped_column(Ms)
    started_ms: Mapped[int | None] = mapped_column(Ms)
    last_ping_ms: Mapped[int | None] = mapped_column(Ms)
    last_run_ms: Mapped[int | None] = mapped_column(Ms)
    last_status: Mapped[str | None] = mapped_column(String(10))
    period_end_ms: Mapped[int | None] = mapped_column(Ms)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


class Change(Scoped, Base):
    """The feed the schedulers and probes follow. `seq` is given under the writer's lock, so a number never appears
    behind a reader (R7)."""

    __tablename__ = "changes"
    seq: Mapped[int] = mapped_column(Ms, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    entity_id: Mapped[str] = mapped_column(String(40))
    at_ms: Mapped[int] = mapped_column(Ms)


class Counter(Base):
    """Numbers given out one at a time: `UPDATE … RETURNING` holds the row until the transaction ends."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(Ms)


class Shard(Base):
    """A share of all checks, leased by one scheduler: every slot due up to `checkpoint_ms` is dispatched or
    accounted for. A scheduler that lost its token can't move the checkpoint, so nothing is dispatched twice."""

    __tablename__ = "shards"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    owner: Mapped[str | None] = mapped_column(String(64))
    token: Mapped[int] = mapped_column(Integer)
    lease_until_ms: Mapped[int] = mapped_column(Ms)
    checkpoint_ms: Mapped[int | None] = mapped_column(Ms)


class Arrears(Base):
    """A stretch of time in which a shard had no scheduler: each slot due in (from_ms, to_ms] is still to be accounted
    for, check by check in the order of their ids. Older slots are closed up to and including `closed_to`; the newest of
    each stream was run or closed up to and including `offered_to`. The row goes when both are through."""

    __tablename__ = "arrears"
    shard_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    from_ms: Mapped[int] = mapped_column(Ms, primary_key=True, autoincrement=False)
    to_ms: Mapped[int] = mapped_column(Ms)
    closed_to: Mapped[str | None] = mapped_column(String(40))
    offered_to: Mapped[str | None] = mapped_column(String(40))


class Role(Base):
    """Housekeeping that one process at a time does, under a lease."""

    __tablename__ = "roles"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str | None] = mapped_column(String(64))
    lease_until_ms: Mapped[int] = mapped_column(Ms)


class ServiceClock(Base):
    """When some API process last served, and since when without a break: lease and deadline time counts only then.
    `away_from_ms`: when the absence began that ended at `serving_since_ms`; null before the first."""

    __tablename__ = "service_clock"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    serving_since_ms: Mapped[int] = mapped_column(Ms)
    seen_ms: Mapped[int] = mapped_column(Ms)
    away_from_ms: Mapped[int | None] = mapped_column(Ms)


class KeyringCheck(Base):
    """A known text and the pepper of key hashes, encrypted: a wrong or missing keyring is seen at start, not later."""

    __tablename__ = "keyring"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)

"""What a serving process is made of: a migrated store, a keyring, the first start, then API and scheduler."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from alerts.sending.service import Outbox
from api.app import create_app
from api.artifact_keeping import ArtifactKeeping
from api.scheduler_watch import MakeSender, SchedulerWatch
from api.server import Server
from api.services import services_of
from api.use_writer import UseWriter
from cli.children import WIND_DOWN
from migrations.upgrade import upgrade
from model.collector import spare_the_collector
from model.settings import Settings
from scheduler.housekeeping import RetentionTurn
from scheduler.jobs import Job
from scheduler.scheduler import Scheduler
from store.bootstrap import Bootstrapped, SettingRefusedError, bootstrap
from store.fixes import TOPIC as FIXES
from store.fixes import fix_waits
from store.incident_failures import TOPIC as FAILURES
from store.incident_failures import anything_waits
from store.key_material import KeyringError
from store.keyring import Keyring
from store.regressions import any_running
from store.sessions import Database
from store.single_writer import AnotherWriterError, single_writer
from telemetry.agents.analysing import Analysing
from telemetry.agents.fixing.work import Fixing
from telemetry.agents.regressing.work import Regressing
from telemetry.agents.stored.ended import TOPIC as ENDED
from telemetry.agents.stored.ended import anything_ended
from telemetry.agents.told import Uniting
from telemetry.behind import ErrorsBehind
from telemetry.judging import EventJudge
from telemetry.stored.retention import TelemetryRetention
from telemetry.stored.storing import TOPIC

CANNOT_WORK = 2
_log = structlog.get_logger(__name__)


def serve(settings: Settings, *, api: bool, scheduler: bool) -> int:
    """In the foreground until SIGTERM or SIGINT. The exit code: 0, or 2 when it can't work as it is set up.

    Once it serves, one JSON line on standard output says where, and the owner's key and setup link if they were made
    just now; who has none of these says nothing.
    """
    os.umask(0o077)  # what is in the data directory is nobody else's, wherever that directory is
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with ExitStack() as parts:
            database, keyring, started = _open(settings, parts)
            duties = _scheduler(database, keyring, settings, parts) if scheduler else None
            if duties is not None:
                signal.signal(WIND_DOWN, lambda *_: duties.wind_down())
            address = None
            if api:
                app = create_app(database, keyring, settings, duties.figures.plain if duties else None)
                uses = services_of(app).uses
                parts.enter_context(UseWriter(database, uses))
                quota = services_of(app).artifact_quota
                server = Server(app, database, keyring, settings, on_failure=stopping.set, uses=uses, quota=quota)
                address = parts.enter_context(server).url
                parts.enter_context(ArtifactKeeping(database, settings, quota))
                watch = SchedulerWatch(database, settings, _identity(), _stand_in(database, keyring, settings))
                watch.start()
                parts.callback(watch.stop)
            spare_the_collector()
            announce(address, started, settings.public_url or address or settings.links_begin)
            stopping.wait()
    except (SettingRefusedError, KeyringError, AnotherWriterError, OperationalError, OSError) as error:
        _log.error("server.cannot_start", reason=str(error))
        return CANNOT_WORK
    return 0


def _open(settings: Settings, parts: ExitStack) -> tuple[Database, Keyring, Bootstrapped]:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = make_url(settings.sqlalchemy_url).database
    if settings.sqlalchemy_url.startswith("sqlite") and file:
        parts.enter_context(single_writer(Path(file)))
    upgrade(settings.sqlalchemy_url)
    database = Database(settings.sqlalchemy_url)
    parts.callback(database.close)
    keyring = Keyring.load(settings, database)
    return database, keyring, bootstrap(database, keyring, settings)


def _scheduler(database: Database, keyring: Keyring, settings: Settings, parts: ExitStack) -> Scheduler:
    stopping = threading.Event()
    kept = Job("telemetry", 30, RetentionTurn(TelemetryRetention(database, settings), stopping))
    judge = EventJudge(database)
    woken = partial(database.telemetry.wakeups.subscribe, TOPIC)
    judged = Job(
        "event_rules", 1, lambda _database: judge.work(), woken, lambda look: judge.waits(look.main, look.telemetry)
    )
    uniting = Uniting(database)
    failures = partial(database.wakeups.subscribe, FAILURES)
    united = Job("incidents", 1, lambda _database: uniting.work(), failures, lambda look: anything_waits(look.main))
    analysing = Analysing(database)
    ended = partial(database.telemetry.wakeups.subscribe, ENDED)
    analysed = Job(
        "agent_analyses",
        1,
        lambda _database: analysing.work(),
        ended,
        lambda look: anything_ended(look.telemetry, look.now_ms),
    )
    identity = _identity()
    fixing = Fixing(database, keyring, settings, identity)
    parts.callback(fixing.stop)
    fixed = Job(
        "fixes",
        1,
        lambda _database: fixing.work(),
        partial(database.wakeups.subscribe, FIXES),
        lambda look: fix_waits(look.main, look.now_ms),
    )
    regressing = Regressing(database)
    proven = Job("regressions", 1, lambda _database: regressing.work(), waits=lambda look: any_running(look.main))
    jobs = [kept, judged, united, analysed, fixed, proven]
    scheduler = Scheduler(database, settings, identity, keyring=keyring, more_jobs=jobs, behind=ErrorsBehind(database))
    scheduler.start()
    parts.callback(scheduler.stop)
    parts.callback(stopping.set)
    parts.callback(regressing.stop)
    return scheduler


def _stand_in(database: Database, keyring: Keyring, settings: Settings) -> MakeSender:
    """An API sends the outbox itself while no scheduler works."""
    return lambda may: Outbox(database, keyring, settings, _identity(), may=may, behind=ErrorsBehind(database))


def _identity() -> str:
    """Whose role and shards are, unique in its last 33 characters."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"[-64:]


def announce(address: str | None, started: Bootstrapped, links_begin: str = "") -> None:
    """The line for whoever started this process; nothing when there is nothing to say."""
    token = started.setup_token
    said = {
        "address": address,
        "owner_key": started.new_owner_key,
        "setup_url": None if token is None else f"{links_begin.rstrip('/')}/setup/{token}",
    }
    known = {name: value for name, value in said.items() if value is not None}
    if known:
        print(json.dumps(known), flush=True)

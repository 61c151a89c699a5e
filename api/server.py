"""The server: one port, one event loop in a thread of its own, started and stopped from any thread.

    server = Server(app, database, keyring, settings)
    server.start()          accepts from here on; server.url says where
    server.stop()           refuses newcomers, ends long polls at once, lets requests finish

Flask's readers, those who change something, SDKs, senders of files, probes' work, artifacts and pings have threads of
their own: none waits for another.
"""

from __future__ import annotations

import asyncio
import contextvars
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
import uvloop
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.artifact_uploads import MAX_BYTES as ARTIFACT_BYTES
from api.artifact_uploads import METHODS as ARTIFACT_METHODS
from api.artifact_uploads import PREFIX as ARTIFACT_PREFIX
from api.artifact_uploads import ArtifactUploads
from api.dialects import PROBE_RESULTS, body_limit, comes_in_storms
from api.pings import METHODS as PING_METHODS
from api.pings import PREFIX as PING_PREFIX
from api.pings import Pings
from api.probe_access import ProbeKeys
from api.probe_progress import WalkReports
from api.probe_protocol import ProbeProtocol
from api.serving import Entrance, Native
from api.serving_peers import Proxies
from api.serving_pools import Pool
from api.serving_uvicorn import BACKLOG, PartUvicorn
from api.serving_wsgi import WsgiBridge
from api.status.serving import BADGE_METHODS, BADGE_PREFIX, STATUS_PREFIX, PublicServing
from api.status.serving import METHODS as STATUS_METHODS
from api.stream_hub import StreamHub
from api.trace_viewer import TraceViewer
from model.heartbeat import KEPT_BODY_BYTES
from model.settings import Settings
from store.artifact_files import ArtifactFiles
from store.artifact_quota import ArtifactQuota
from store.keyring import Keyring
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.stream_places import leave_all_places
from store.uses import Uses
from store.write_lock import Urgency

PEOPLE_THREADS, PEOPLE_WAITING = 12, 128
"""More threads than two cores keep busy, and all of them together fewer than the database's connections (40). A queue
holds about a second's work: who comes later is told to come back, and does not wait for what nobody wants by then."""
CHANGE_THREADS, CHANGES_WAITING = 8, 64
"""For people's requests that may change something: all of these may be waiting for the database's lock while another
process holds it, and who only reads is served."""
PROBE_THREADS, PROBE_WAITING = 6, 512
PING_THREADS, PING_WAITING = 2, 64
ARTIFACT_THREADS, ARTIFACTS_WAITING = 2, 64
"""Of their own: a slow disk delays evidence, and no lease."""
STREAM_THREADS, STREAMS_WAITING = 2, 2_048
"""For what streams read: one look serves them all, and each that catches up waits for its turn."""
FILE_THREADS, FILES_WAITING = 16, 16
"""For files that people's programs send: such a thread mostly waits for the network, and holds nothing meanwhile."""
INTAKE_THREADS, INTAKE_WAITING = 8, 256
"""For what SDKs and agents send: an error storm fills these, and nobody else waits for it."""
QUEUED_S = 3.0
"""How long people and pings wait for a thread; one that has got it waits 5 s at most for the database's lock."""
PING_BYTES = 16 << 20
"""What a job posts with its ping is cut, not refused: an answer other than OK would be a false alarm."""
PATIENCE_S = 5.0
"""How long requests may take to finish when the server stops."""
BEAT_S = 1.0
SWITCH_S = 0.001
"""How long a thread keeps the interpreter while another wants it: the loop's turns are short and many, and with
Python's 5 ms a busy server's slowest answers take three times as long (docs/decisions/0002-serving.md)."""
_HANGS_AFTER_S = 3.0
_FILES = 16_384
_log = structlog.get_logger(__name__)


class Server:
    """Serves one Flask app, the probe protocol and heartbeat addresses. Start it once."""

    def __init__(
        self,
        app: Flask,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        on_failure: Callable[[], None] = lambda: None,
        uses: Uses | None = None,
        quota: ArtifactQuota | None = None,
    ) -> None:
        """`uses`: where it is noted from where probes' keys come. `quota`: the app's, of artifacts. `on_failure` is
        called when it has stopped serving though nobody told it to: the program should end. SettingRefusedError when
        TRACER_TRUSTED_PROXIES can't be understood."""
        self._address = (settings.host, settings.port)
        self._database = database
        self._people = Pool("people", PEOPLE_THREADS, PEOPLE_WAITING, QUEUED_S)
        self._for_changes = Pool("changes", CHANGE_THREADS, CHANGES_WAITING, QUEUED_S)
        self._for_intake = Pool("intake", INTAKE_THREADS, INTAKE_WAITING, QUEUED_S)
        self._for_probes = Pool("probes", PROBE_THREADS, PROBE_WAITING)
        self._for_pings = Pool("pings", PING_THREADS, PING_WAITING, QUEUED_S)
        self._for_artifacts = Pool("artifacts", ARTIFACT_THREADS, ARTIFACTS_WAITING)
        self._for_files = Pool("files", FILE_THREADS, FILES_WAITING, QUEUED_S)
        self._for_streams = Pool("streams", STREAM_THREADS, STREAMS_WAITING)
        keys = ProbeKeys(database, keyring, settings.probe_key, uses=uses)
        self.probes = ProbeProtocol(database, keyring, self._for_probes, keys)
        walks = WalkReports(database, self._for_probes, keys)
        pings = Pings(database, keyring, self._for_pings)
        quota = quota or ArtifactQuota(database, settings, ArtifactFiles(settings.data_dir))
        self.artifacts = ArtifactUploads(quota, self._for_artifacts, keys)
        self.streams = StreamHub(database, self._for_streams)
        strangers = PublicServing(app, self._people)
        self._entrance = Entrance(
            WsgiBridge(
                app.wsgi_app,
                self._people,
                self._for_changes,
                self.streams.serve,
                lambda path: self._for_intake if comes_in_storms(path) else None,
                self._for_files,
            ),
            Proxies(settings.trusted_proxies),
            exact={
                "/v1/probe/lease": Native(self.probes.lease),
                PROBE_RESULTS: Native(self.probes.results, body_bytes=body_limit(PROBE_RESULTS)),
                "/v1/probe/progress": Native(walks.take),
            },
            below={
                PING_PREFIX: Native(pings.handle, PING_METHODS, PING_BYTES, keep_bytes=KEPT_BODY_BYTES),
                STATUS_PREFIX: Native(strangers.handle, STATUS_METHODS),
                BADGE_PREFIX: Native(strangers.handle, BADGE_METHODS),
                ARTIFACT_PREFIX: Native(self.artifacts.put, ARTIFACT_METHODS, ARTIFACT_BYTES, streamed=True),
            },
            viewer=TraceViewer(settings),
        )
        self._name: tuple[str, int] | None = None
        self._thread: threading.Thread | None = None
        self._beats: threading.Thread | None = None
        self._serving = threading.Event()
        self._stopping = threading.Event()
        self._uvicorn = PartUvicorn(self._entrance, self._serving.set, self._end_waiting)
        self._on_failure = on_failure
        self._failure: BaseException | None = None

    @property
    def host(self) -> str:
        """The address that was bound, as the system says it."""
        return self._bound()[0]

    @property
    def port(self) -> int:
        """The port that was bound: with port 0, the one the system chose."""
        return self._bound()[1]

    @property
    def url(self) -> str:
        """Where this machine reaches it; an address that means "all of them" is told as loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it serves, and its loop does not hang."""
        lively = time.monotonic() - self._uvicorn.ticked_at < _HANGS_AFTER_S
        return self._thread is not None and self._thread.is_alive() and lively

    def start(self) -> None:
        """Bind, and accept requests when this returns. OSError when the address can't be bound."""
        _allow_many_files()
        sys.setswitchinterval(SWITCH_S)
        listener = _bind(*self._address)
        self._name = listener.getsockname()[:2]
        self._thread = _thread("server", self._serve, listener)
        self._serving.wait()
        if self._failure is not None:
            raise RuntimeError("the server did not start") from self._failure
        self._beats = _thread("service-clock", self._beat)

    def stop(self, patience_s: float = PATIENCE_S) -> None:
        """Refuse newcomers, end long polls, give requests in progress so long to finish. Safe to call twice."""
        self._stopping.set()
        self._uvicorn.stop(patience_s)
        for thread in (self._thread, self._beats):
            if thread is not None:
                thread.join()
        self.streams.leave()
        pools = (self._people, self._for_changes, self._for_probes, self._for_pings, self._for_artifacts)
        for pool in (*pools, self._for_files, self._for_streams, self._for_intake):
            pool.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bound(self) -> tuple[str, int]:
        if self._name is None:
            raise RuntimeError("the server was not started")
        return self._name

    def _end_waiting(self) -> None:
        self.probes.close()
        self.streams.close()

    def _serve(self, listener: socket.socket) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._uvicorn.serve([listener]))
        except BaseException as error:
            self._failure = error
            _log.error("server.failed", exc_info=error)
            raise
        finally:
            listener.close()
            self._serving.set()
            if not self._stopping.is_set():
                self._on_failure()

    def _beat(self) -> None:
        """Say every second that the API serves, while it does: leases and deadlines count only then."""
        returned = self._database.sqlite  # there is one process, so nobody served until now
        while not self._stopping.is_set():
            if self.alive:
                try:
                    with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                        beat(session, self._database.now_ms(session), returned=returned)
                        if returned:
                            leave_all_places(session)
                    returned = False
                except (DBAPIError, PoolTimeoutError) as error:
                    _log.warning("server.no_beat", error=str(error.__cause__ or error))
            self._stopping.wait(BEAT_S)


def _thread(name: str, target: object, *args: object) -> threading.Thread:
    """A started thread that keeps the log marks of whoever starts it."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(target, *args), name=name, daemon=True)
    thread.start()
    return thread


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket. OSError names the address."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=_everywhere(host))
    except OSError as error:
        raise OSError(error.errno, f"can't listen on {host}:{port}: {error.strerror or error}") from error
    listener.setblocking(False)
    return listener


def _everywhere(host: str) -> bool:
    return host == "::" and socket.has_dualstack_ipv6()


def _allow_many_files() -> None:
    """A stream is a file: as many as the system lets us have, up to what the server would use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

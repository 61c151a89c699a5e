"""A process that takes what SDKs send and may be killed at any instant: the API alone, started in a blink.

The app is made once, where processes are forked from; each process opens the store and serves.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from api import agent_events, attempts
from api.app import create_app
from api.server import Server
from api.services import Services, install, services
from model.settings import Settings
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry import judging
from telemetry.agents.stored.appending import Appended, append_events
from telemetry.judging import EventJudge
from telemetry.stored.intake import Intake
from telemetry.stored.storing import TOPIC, Outcome, Submission
from tests.conftest import KEYRING

_PR_SET_PDEATHSIG = 1
_APP = create_app(Database("sqlite:///nowhere.db"), KEYRING, Settings())


def serve(url: str, port: Connection, sabotage: str) -> None:
    """Until killed. Sends the port it listens on."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if sabotage:
        _SABOTAGE[sabotage]()
    database = Database(url)
    database.seal_with(KEYRING.signature)
    install(_APP, Services(database, KEYRING, Settings()))
    attempts.install(_APP)
    with Server(_APP, database, KEYRING, Settings(port=0)) as server:
        port.send(server.port)
        threading.Event().wait()


def serve_and_judge(url: str, port: Connection, sabotage: str, dies_at: str, after: int) -> None:
    """The same with the judging of events, which kills the process when it has come to a point so often."""
    left = after

    def reached(point: str) -> None:
        nonlocal left
        if point == dies_at:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def judge() -> None:
        database = Database(url)
        database.seal_with(KEYRING.signature)
        woken = threading.Event()
        database.telemetry.wakeups.subscribe(TOPIC, woken.set)
        judging = EventJudge(database, reached)
        while True:
            woken.wait(0.02)  # another process' writer wakes nobody here on SQLite
            woken.clear()
            judging.work()

    threading.Thread(target=judge, daemon=True).start()
    serve(url, port, sabotage)


def _keeps_its_place_first() -> None:
    """How far events were judged is kept before what follows from them."""
    write = judging.EventJudge._write

    def in_two(self: judging.EventJudge, found: Any) -> bool:
        if found.fires:
            first = replace(found, fires=[], closings=[])
            self._kept_ms = 0
            write(self, first)
            self._stored = found.upto
            self._reached("torn")
        return write(self, found)

    judging.EventJudge._write = in_two  # type: ignore[method-assign]


def _acknowledges_before_it_commits() -> None:
    """What was sent is acknowledged at once and stored a moment later, as by a queue in memory."""
    keep = Intake.keep

    def later(self: Intake, submission: Submission) -> Outcome:
        threading.Timer(0.05, keep, (self, submission)).start()
        return Outcome(submission.answer)

    Intake.keep = later  # type: ignore[method-assign]


def _acknowledges_agents_before_it_commits() -> None:
    """The same of what agents do."""

    def later(_session: Any, organization_id: str, session_id: str, events: Any, now_ms: int) -> Appended:
        store = services().database.telemetry

        def write() -> None:
            with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                append_events(session, organization_id, session_id, events, now_ms)

        threading.Timer(0.05, write).start()
        return Appended(len(events), len(events), {})

    agent_events.append_events = later  # type: ignore[attr-defined, assignment]


_SABOTAGE: dict[str, Any] = {
    "acknowledges agents before it commits": _acknowledges_agents_before_it_commits,
    "acknowledges before it commits": _acknowledges_before_it_commits,
    "keeps its place first": _keeps_its_place_first,
}

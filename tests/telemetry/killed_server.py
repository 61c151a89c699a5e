"""A process that takes what SDKs send and may be killed at any instant: the API alone, started in a blink.

The app is made once, where processes are forked from; each process opens the store and serves.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from api import attempts
from api.app import create_app
from api.server import Server
from api.services import Services, install
from model.settings import Settings
from store.sessions import Database
from telemetry.stored.intake import Intake
from telemetry.stored.storing import Outcome, Submission
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


def _acknowledges_before_it_commits() -> None:
    """What was sent is acknowledged at once and stored a moment later, as by a queue in memory."""
    keep = Intake.keep

    def later(self: Intake, submission: Submission) -> Outcome:
        threading.Timer(0.05, keep, (self, submission)).start()
        return Outcome(submission.answer)

    Intake.keep = later  # type: ignore[method-assign]


_SABOTAGE: dict[str, Any] = {"acknowledges before it commits": _acknowledges_before_it_commits}

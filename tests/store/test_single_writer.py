"""A SQLite store has one serving process: a second one is refused, and death lets go of the lock."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from store.single_writer import AnotherWriterError, single_writer

_HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom store.single_writer import single_writer\n"
    "with single_writer(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


def test_a_second_process_is_refused_with_a_sentence(tmp_path: Path) -> None:
    database = tmp_path / "tracer.db"
    with single_writer(database), pytest.raises(AnotherWriterError, match=r"Another Tracer is using .*tracer\.db"):
        single_writer(database, patience_s=0).__enter__()


def test_two_stores_do_not_meet(tmp_path: Path) -> None:
    with single_writer(tmp_path / "a.db"), single_writer(tmp_path / "b.db", patience_s=0):
        pass


def test_one_that_is_being_stopped_is_waited_for(tmp_path: Path) -> None:
    database = tmp_path / "tracer.db"
    first = single_writer(database)
    first.__enter__()
    leaving = threading.Timer(0.1, first.__exit__, (None, None, None))
    leaving.start()
    with single_writer(database, patience_s=10):
        leaving.join()


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    database = tmp_path / "tracer.db"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(database)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AnotherWriterError):
            single_writer(database, patience_s=0).__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with single_writer(database, patience_s=0):
        pass

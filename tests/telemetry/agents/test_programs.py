"""Programs that are run for a fix: nothing of them outlives their end, their time, or Tracer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest

from telemetry.agents.fixing.programs import Program, ProgramError, Programs
from telemetry.agents.fixing.runners import CommandRunner, Proposal, RunnerError
from tests.telemetry.agents.fixes import command

NEVER = "while True: time.sleep(1)\n"
ANSWERS = "print(json.dumps({'plan': ['a'], 'diff': None}))\n"
ALONE = "start_new_session=True"
"""With a session of its own, and so no part of the command's group."""
LIMIT_S = 5


class Kin:
    """A command that starts a child, which starts another and is gone: the last one holds a pipe open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pipe, self._begun = folder / "held", folder / "begun"
        os.mkfifo(self._pipe)
        self._read: list[bytes] = []
        self._there = threading.Event()
        self._holding = threading.Thread(target=self._hold, daemon=True)
        self._holding.start()

    def _hold(self) -> None:
        with self._pipe.open("rb") as pipe:
            self._read.append(pipe.read(1))
            self._begun.touch()
            self._there.set()
            self._read.append(pipe.read())  # to the end: when nobody holds it any more

    def command(self, then: str, how: str = "") -> str:
        """It goes on with `then` once the last one is there. `how`: each is started."""
        last = f"import time; f = open({str(self._pipe)!r}, 'w'); f.write('x'); f.flush(); time.sleep(600)"
        between = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {last!r}], {how})"
        body = f"import subprocess\nsubprocess.Popen([sys.executable, '-c', {between!r}], {how})\n"
        body += f"open({str(self.folder / 'parent')!r}, 'w').write(str(os.getppid()))\n"
        body += f"open({str(self.folder / 'folder')!r}, 'w').write(os.getcwd())\n"
        return command(
            self.folder / "c", f"{body}while not os.path.exists({str(self._begun)!r}): time.sleep(0.01)\n{then}"
        )

    def begun(self) -> None:
        assert self._there.wait(20)

    def gone(self) -> None:
        self._holding.join(20)
        assert self._read == [b"x", b""], "nobody holds the pipe any more"

    def says(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def kin(tmp_path: Path) -> Kin:
    return Kin(tmp_path)


@pytest.mark.parametrize("how", ["", ALONE])
def test_whatever_it_started_ends_with_it(kin: Kin, how: str) -> None:
    runner = CommandRunner(kin.command(ANSWERS, how).split(), 20, Programs())
    assert runner.propose({}) == Proposal(["a"], None)
    kin.gone()
    assert not Path(kin.says("folder")).exists()


@pytest.mark.parametrize("how", ["", ALONE])
def test_whatever_it_started_ends_when_its_time_is_over(kin: Kin, how: str) -> None:
    runner = CommandRunner(kin.command(NEVER, how).split(), LIMIT_S, Programs())
    with pytest.raises(RunnerError, match=f"did not end within {LIMIT_S} s"):
        runner.propose({})
    kin.gone()


@pytest.mark.parametrize("how", ["", ALONE])
def test_a_server_that_stops_leaves_nothing_of_it(kin: Kin, how: str) -> None:
    programs = Programs()
    runner = CommandRunner(kin.command(NEVER, how).split(), 600, programs)
    failed: list[str] = []

    def propose() -> None:
        try:
            runner.propose({})
        except RunnerError as error:
            failed.append(str(error))

    proposing = threading.Thread(target=propose)
    proposing.start()
    kin.begun()
    programs.stop()
    proposing.join(20)
    assert not proposing.is_alive()
    kin.gone()
    assert failed


@pytest.fixture
def server(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Those that a test started; killed at its end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


def serve(kin: Kin, how: str, limit_s: float) -> subprocess.Popen[bytes]:
    """A process that runs the command as a scheduler does, with another folder in use."""
    code = (
        "from telemetry.agents.fixing.programs import Programs\n"
        "from telemetry.agents.fixing.runners import CommandRunner\n"
        "programs = Programs()\n"
        "with programs.scratch('tracer-repository-') as folder:\n"
        f"    open({str(kin.folder / 'repository')!r}, 'w').write(str(folder))\n"
        f"    CommandRunner({kin.command(NEVER, how).split()!r}, {limit_s}, programs).propose({{}})\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])


@pytest.mark.parametrize("how", ["", ALONE])
def test_a_server_that_is_killed_leaves_nothing_of_it(
    kin: Kin, server: list[subprocess.Popen[bytes]], how: str
) -> None:
    server.append(serve(kin, how, 600))
    kin.begun()
    watcher = os.pidfd_open(int(kin.says("parent")))
    server[0].send_signal(signal.SIGKILL)
    kin.gone()
    assert select([watcher], [], [], 20)[0], "who watched it has ended too"
    os.close(watcher)
    assert not Path(kin.says("folder")).exists()
    assert not Path(kin.says("repository")).exists()


def test_a_server_that_is_stuck_does_not_lengthen_its_time(kin: Kin, server: list[subprocess.Popen[bytes]]) -> None:
    server.append(serve(kin, ALONE, LIMIT_S))
    kin.begun()
    server[0].send_signal(signal.SIGSTOP)
    kin.gone()


def test_folders_that_others_use_stay_when_one_is_ended(tmp_path: Path) -> None:
    programs = Programs()
    with programs.scratch("tracer-test-") as folder:
        never = Program(words=["/bin/sleep", "600"], folder=tmp_path, timeout_s=0.2)
        with pytest.raises(ProgramError, match=r"did not end within 0\.2 s"):
            programs.run(never)
        assert folder.is_dir()
    assert not folder.exists()


def test_it_is_told_as_it_ended(tmp_path: Path) -> None:
    def code(script: str) -> int:
        return Programs().run(Program(words=["/bin/sh", "-c", script], folder=tmp_path, timeout_s=20)).code

    assert (code("exit 0"), code("exit 7"), code("kill -9 $$")) == (0, 7, 128 + 9)
    with pytest.raises(ProgramError, match="can't be started: No such file"):
        Programs().run(Program(words=["/nowhere"], folder=tmp_path, timeout_s=20))


def test_it_has_the_environment_that_it_is_given_and_no_other(tmp_path: Path) -> None:
    program = Program(words=["/usr/bin/env"], folder=tmp_path, timeout_s=20, environment={"ONE": "1"})
    assert Programs().run(program).said == b"ONE=1\n"

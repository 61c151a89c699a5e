"""Results on disk survive whatever happens to the process, and leave when the API has them."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from egress.resolver import Resolver
from model.outcome import RunStatus
from model.protocol import Result
from probes import segments
from probes import spool as spool_module
from probes.results import encode
from probes.spool import Spool, SpoolBusyError
from tests.probes.bench import on_loop, probe_for
from tests.probes.fake_api import FakeApi


def _result(number: int, body: str = "") -> Result:
    return Result(
        run_id=f"run_{number}",
        dispatch_id="dsp_1",
        token=1,
        check_id="mon_1",
        check_version=1,
        status=RunStatus.SUCCESS,
        response={"body": body} if body else None,
    )


def _add(spool: Spool, *numbers: int, body: str = "") -> None:
    for number in numbers:
        result = _result(number, body)
        spool.add(result, encode(result))


def _ids(spool: Spool) -> list[str]:
    return [entry.run_id for entry in spool.waiting]


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("results-*"))


def test_the_next_process_finds_what_was_not_acknowledged(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = Spool(tmp_path, "ins_1")
        _add(first, 1, 2, 3)
        await first.flush()
        first.acknowledged(1)
        first.close()
        second = Spool(tmp_path, "ins_2")
        assert second.former_instances == ["ins_1"]
        assert second.earlier == 3 or _ids(second) == ["run_2", "run_3"]
        assert _ids(second)[-2:] == ["run_2", "run_3"]
        second.close()

    on_loop(scenario)


def test_acknowledged_results_leave_the_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path, "ins_1")
        _add(spool, 1, 2)
        await spool.flush()
        assert [path.stat().st_size > 0 for path in _files(tmp_path)] == [True]
        spool.acknowledged(2)
        await spool.flush()
        assert [path.stat().st_size for path in _files(tmp_path)] == [0]
        spool.close(finished=True)
        assert _files(tmp_path) == []

    on_loop(scenario)


def test_files_stay_bounded_while_results_keep_coming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 2_000)

    async def scenario() -> None:
        spool = Spool(tmp_path, "ins_1")
        for number in range(100):
            _add(spool, number)
            await spool.flush()
            if number >= 5:
                spool.acknowledged(1)
        await spool.flush()
        assert len(_files(tmp_path)) <= 3
        assert _ids(spool) == [f"run_{number}" for number in range(95, 100)]
        spool.close()
        again = Spool(tmp_path, "ins_2")
        assert _ids(again)[-5:] == [f"run_{number}" for number in range(95, 100)]
        again.close()

    on_loop(scenario)


def test_a_torn_last_line_is_ignored_and_nothing_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = Spool(tmp_path, "ins_1")
        _add(first, 1, 2)
        await first.flush()
        first.close()
        (path,) = _files(tmp_path)
        whole = path.read_bytes()
        for cut in range(len(whole) - 1, whole.index(b"\n"), -7):
            path.write_bytes(whole[:cut])
            again = Spool(tmp_path, "ins_2")
            assert _ids(again) == ["run_1"] or (cut == len(whole) - 1 and _ids(again) == ["run_1", "run_2"])
            again.close()
            path.write_bytes(whole)

    on_loop(scenario)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path / "probe", "ins_1")
        _add(spool, 1)
        await spool.flush()
        assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "probe").iterdir()} == {"0o600"}
        assert oct((tmp_path / "probe").stat().st_mode & 0o777) == "0o700"
        spool.close()

    on_loop(scenario)


def test_a_directory_has_one_probe_at_a_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path, "ins_1")
        with pytest.raises(SpoolBusyError, match="Another probe is using"):
            Spool(tmp_path, "ins_2")
        spool.close()
        Spool(tmp_path, "ins_3").close()

    on_loop(scenario)


def test_every_former_instance_is_remembered_until_it_was_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        Spool(tmp_path, "ins_1").close()
        Spool(tmp_path, "ins_2").close()
        third = Spool(tmp_path, "ins_3")
        assert third.former_instances == ["ins_1", "ins_2"]
        third.replaced("ins_1")
        third.close(finished=True)
        fourth = Spool(tmp_path, "ins_4")
        assert fourth.former_instances == ["ins_2"]
        fourth.close()

    on_loop(scenario)


def test_on_a_full_disk_results_wait_in_memory_and_are_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_RETRY_S", 0.02)
    written = os.write
    full = True

    def write(descriptor: int, data: bytes) -> int:
        """Like a full disk: some of it fits, then nothing."""
        if full and len(data) > 100:
            return written(descriptor, data[:50])
        if (full and b"run_" in bytes(data)) or (full and len(data) > 20):
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(descriptor, data)

    async def scenario() -> None:
        nonlocal full
        spool = Spool(tmp_path, "ins_1")
        monkeypatch.setattr(segments.os, "write", write)
        _add(spool, 1, 2)
        await spool.flush()
        assert _ids(spool) == ["run_1", "run_2"]
        assert all(path.stat().st_size == 0 for path in _files(tmp_path))
        spool.acknowledged(1)
        full = False
        await _until(lambda: any(path.stat().st_size for path in _files(tmp_path)))
        _add(spool, 3)
        await spool.flush()
        spool.close()
        again = Spool(tmp_path, "ins_2")
        assert _ids(again) == ["run_2", "run_3"]
        again.close()

    on_loop(scenario)


def test_when_syncing_fails_results_go_to_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_RETRY_S", 0.02)
    failures = 3
    sync = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    async def scenario() -> None:
        spool = Spool(tmp_path, "ins_1")
        monkeypatch.setattr(segments.os, "fdatasync", fdatasync)
        _add(spool, 1)
        await spool.flush()
        await _until(lambda: failures == 0)
        _add(spool, 2)
        await spool.flush()
        spool.close()
        again = Spool(tmp_path, "ins_2")
        assert _ids(again) == ["run_1", "run_2"]
        again.close()

    on_loop(scenario)


def test_too_much_waiting_means_no_new_work_but_nothing_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "FULL_BYTES", 5_000)

    async def scenario() -> None:
        spool = Spool(tmp_path, "ins_1")
        _add(spool, *range(50), body="x" * 200)
        assert spool.full
        assert len(spool.waiting) == 50
        spool.acknowledged(45)
        assert not spool.full
        spool.close()

    on_loop(scenario)


WRITER = """
import asyncio, sys, os
from pathlib import Path
from probes.spool import Spool
from probes.results import encode
from tests.probes.test_spool import _result

async def main():
    spool = Spool(Path(sys.argv[1]), "ins_" + sys.argv[2])
    number = 0
    while True:
        for _ in range(3):
            result = _result(number, "b" * 300)
            spool.add(result, encode(result))
            number += 1
        await spool.flush()
        os.write(1, b"%d\\n" % number)

asyncio.run(main())
"""


def test_a_kill_at_any_instant_loses_nothing_that_was_on_disk(tmp_path: Path) -> None:
    for round_number in range(4):
        directory = tmp_path / str(round_number)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(round_number)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        on_disk = [int(writer.stdout.readline()) for _ in range(5 + 17 * round_number)]
        writer.send_signal(signal.SIGKILL)
        on_disk += [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
        writer.stdout.close()
        writer.wait()

        async def scenario(directory: Path = directory, flushed: int = on_disk[-1]) -> None:
            found = Spool(directory, "ins_next")
            assert set(_ids(found)) >= {f"run_{number}" for number in range(flushed)}
            assert len(_ids(found)) == len(set(_ids(found)))
            assert found.former_instances == [f"ins_{directory.name}"]
            found.close()

        on_loop(scenario)


def test_a_second_probe_in_one_directory_ends_with_a_clear_word_and_code_2(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api:
            probe = probe_for(api, tmp_path)
            holder = Spool(tmp_path / "probe" / "eu-test", "ins_1")
            with pytest.raises(SpoolBusyError):
                await probe.run(None, Resolver())  # type: ignore[arg-type]
            holder.close()

    on_loop(scenario)


def test_a_line_on_disk_is_the_result_as_it_is_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path, "ins_1")
        _add(spool, 1)
        await spool.flush()
        (path,) = _files(tmp_path)
        assert msgspec.json.decode(path.read_bytes(), type=Result) == _result(1)
        spool.close()

    on_loop(scenario)


async def _until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in a thread that tells nobody
            await asyncio.sleep(0.005)

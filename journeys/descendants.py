"""The processes that a journey's child has started, found by /proc (Linux).

Browsers put themselves into groups of their own, so a signal to the child's group does not reach them. This process
adopts what a killed one leaves behind, so that it can be found and its end noted."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

from journeys.scratch import scratch_of

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


def children_by_parent() -> dict[int, list[int]]:
    """Every process's children, as of now."""
    found: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, ValueError, IndexError):
            # The name, in parentheses, may hold anything; the parent is the second field after it.
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(entry.name))
    return found


def tree_of(roots: Iterable[int]) -> list[int]:
    """These processes and all that descend from them."""
    children = children_by_parent()
    tree: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        tree.append(pid)
        waiting += children.get(pid, ())
    return tree


def adopt_orphans() -> None:
    """From now on whatever descends from this process and loses its parent becomes this one's child (prctl(2))."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(pids: Iterable[int]) -> None:
    """Note the end of those of these that have become this process's children, so that none stays a zombie."""
    for pid in pids:
        with suppress(OSError):
            os.waitpid(pid, os.WNOHANG)


def reap_orphans(besides: Container[int]) -> None:
    """Note the end of whatever this process has adopted: a browser's helper may outlive all that started it.
    `besides`: children whose end somebody else waits for."""
    reap(pid for pid in children_by_parent().get(os.getpid(), ()) if pid not in besides)


def still_there(pids: Iterable[int]) -> set[int]:
    """Those of these processes that have not gone yet."""
    return {pid for pid in pids if (_PROC / str(pid)).exists()}


def kill_tree(roots: Iterable[int]) -> set[int]:
    """SIGKILL to these and all that descend from them; which those were. They are stopped first, so that none starts
    another unseen."""
    roots = list(roots)
    seen: set[int] = set()
    for _ in range(_ROUNDS):
        fresh = [pid for pid in tree_of([*roots, *seen]) if pid not in seen]
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        seen.update(fresh)
    for pid in seen:
        _signal(pid, signal.SIGKILL)
    return seen


def memory_of_tree(root: int) -> int:
    """Resident bytes of a process and its descendants, what they share counted for each."""
    total = 0
    for pid in tree_of([root]):
        with suppress(OSError, ValueError, IndexError):
            resident, shared = (int(field) for field in (_PROC / str(pid) / "statm").read_text().split()[1:3])
            total += max(0, resident - shared) * _PAGE
    return total


def processes_at_home(home: Path) -> list[int]:
    """Processes of the pool that has this folder, also when all that started them is gone: a browser's helpers keep
    their environment, or name the browser's profile in their command."""
    scratch = scratch_of(home)
    marks = [os.fsencode(f"TRACER_JOURNEYS_HOME={home}")]
    if scratch is not None:
        marks.append(os.fsencode(f"--user-data-dir={scratch}/"))
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                said = (entry / "environ").read_bytes() + b"\0" + (entry / "cmdline").read_bytes()
                if any(mark in said for mark in marks):
                    found.append(int(entry.name))
    return found


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)

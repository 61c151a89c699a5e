"""What is different about a journey's run, held against the last good one: the first step that went otherwise, answers
with another status, new errors of the pages, the step that became slowest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from api.pages.changes import Change, is_bad, status_line
from api.pages.words import milliseconds
from model.evidence import StepResult
from store.artifact_files import ArtifactFiles
from store.artifact_tables import Artifact

_MOST = 5
"""Lines of one kind: what is to be seen at a glance."""
_MOST_BYTES = 8 << 20
"""Larger files are not read for a page; they can be downloaded."""
_MOST_CHARACTERS = 200
_TIMES_SLOWER, _SLOWER_BY_MS = 2.0, 200.0


class _Request(msgspec.Struct):
    method: str
    url: str


class _Answer(msgspec.Struct):
    status: int


class _Exchange(msgspec.Struct):
    request: _Request
    response: _Answer


class _Log(msgspec.Struct):
    entries: list[_Exchange]


class _Archive(msgspec.Struct):
    """As much of a HAR as is looked at."""

    log: _Log


class _Said(msgspec.Struct):
    """As much of a console's entry as is looked at."""

    kind: str = ""
    text: str = ""
    level: str | None = None


@dataclass(frozen=True)
class Pages:
    """What the pages of a run were answered with, by method and address, and the errors they told."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    errors: Sequence[str] = ()


_Kind = TypeVar("_Kind")


def pages_of(files: ArtifactFiles, artifacts: Sequence[Artifact]) -> Pages:
    """Read from the artifacts of a run; nothing where a file has gone, is too large or says something else."""
    found = {artifact.type: artifact for artifact in artifacts if artifact.size_bytes <= _MOST_BYTES}
    archive = _read(files, found.get("har"), _Archive)
    console = _read(files, found.get("console"), list[_Said])
    statuses = {} if archive is None else {_address(one.request): one.response.status for one in archive.log.entries}
    told = [entry.text for entry in console or () if entry.level == "error" or entry.kind == "exception"]
    return Pages(statuses, list(dict.fromkeys(told)))


def step_changes(before: Sequence[StepResult], now: Sequence[StepResult]) -> Iterator[Change]:
    """The first step that went otherwise, and the one that became slower by most."""
    for old, new in zip(before, now, strict=False):
        if (old.type, old.status) != (new.type, new.status):
            was, is_ = f"{old.type} {old.status}", f"{new.type} {new.status}"
            yield Change(f"step {new.index + 1}", was, is_, matters=new.status == "failed")
            break
    slower = [
        (new.duration_ms - old.duration_ms, old, new)
        for old, new in zip(before, now, strict=False)
        if old.duration_ms is not None
        and new.duration_ms is not None
        and (old.type, old.status) == (new.type, new.status)
        and new.duration_ms >= old.duration_ms * _TIMES_SLOWER
        and new.duration_ms - old.duration_ms >= _SLOWER_BY_MS
    ]
    if slower:
        _, old, new = max(slower, key=lambda each: each[0])
        what = f"step {new.index + 1}, {new.type.replace('_', ' ')}"
        yield Change(what, milliseconds(old.duration_ms), milliseconds(new.duration_ms))


def page_changes(before: Pages, now: Pages) -> Iterator[Change]:
    """Answers that have another status, and errors that are new."""
    others = [
        (address, before.statuses[address], status)
        for address, status in now.statuses.items()
        if address in before.statuses and before.statuses[address] != status
    ]
    for address, old, new in others[:_MOST]:
        yield Change(_short(address), _status(old), _status(new), matters=is_bad(new))
    if len(others) > _MOST:
        yield Change("more answers", "", f"{len(others) - _MOST} more have another status")
    known = set(before.errors)
    fresh = [error for error in now.errors if error not in known]
    for error in fresh[:_MOST]:
        yield Change("console", "not there", _short(error), matters=True)
    if len(fresh) > _MOST:
        yield Change("more of the console", "", f"{len(fresh) - _MOST} more new errors")


def _read(files: ArtifactFiles, artifact: Artifact | None, kind: type[_Kind]) -> _Kind | None:
    if artifact is None:
        return None
    path: Path = files.path(artifact.organization_id, artifact.sha256)
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _address(request: _Request) -> str:
    """Without what makes each request another: query and fragment."""
    return f"{request.method} {request.url.partition('?')[0].partition('#')[0]}"


def _status(code: int) -> str:
    """A request that was never answered has none."""
    return status_line(code) if code > 0 else "no answer"


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"

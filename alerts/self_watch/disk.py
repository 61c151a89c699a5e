"""The disk that holds the data directory: database (SQLite), spool, artifacts. Nearly full is said in time to act, full
is said apart from it. It concerns whoever runs this Tracer: the first organization.

A disk that is full at once may leave no room for the notice itself; the dead-man ping stops then, since the
scheduler's checkpoint can't be written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import msgspec

from alerts.self_watch.watching import Trouble, View, Watch
from model.notices import NoticeKind
from store.organizations import first_organization

MEGABYTE = 1_000_000
SUBJECT_CHARACTERS = 200


class _Level(msgspec.Struct, frozen=True):
    """Raised below `share` of the disk or `free` bytes, whichever is more; resolved at 1.2 times that."""

    kind: NoticeKind
    severity: str
    share: float
    free: int
    message: str

    def below(self, free: int, total: int, *, known: bool) -> bool:
        return free < max(self.share * total, self.free) * (1.2 if known else 1)


_FULL = _Level(
    NoticeKind.DISK_FULL, "critical", 0.002, 50 * MEGABYTE,
    "The disk that holds {path} is full: results can't be stored and checks will stop. Make room now.",
)  # fmt: skip
_LOW = _Level(
    NoticeKind.DISK_LOW, "medium", 0.05, 500 * MEGABYTE,
    "The disk that holds {path} is nearly full ({share:.0%} of {total:.0f} GB free). Make room, or keep less: "
    "TRACER_ARTIFACTS_GB, TRACER_RETENTION_GB, TRACER_RETENTION_RUNS_DAYS.",
)  # fmt: skip


def _look(view: View) -> Iterable[Trouble] | None:
    owner = first_organization(view.session)
    path = view.data_dir.absolute()
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    if owner is None or usage.total == 0:
        return None
    subject = str(path)[-SUBJECT_CHARACTERS:]
    for level in (_FULL, _LOW):
        if level.below(usage.free, usage.total, known=view.knows(owner.id, level.kind, subject)):
            share = round(usage.free / usage.total, 2)
            message = level.message.format(path=path, share=share, total=usage.total / 1e9)
            return [Trouble(owner.id, level.kind, subject, level.severity, message)]
    return []


WATCH = Watch((NoticeKind.DISK_FULL, NoticeKind.DISK_LOW), _look)

"""What a source map that has just come says of issues that were there before it: where they really were, and which of
them are one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from store.statements import rows, run
from telemetry.events import DroppedError, Event, MapFrames, read_event
from telemetry.payloads import unpack
from telemetry.stored.issues import get_issue, merge

MOST_ISSUES = 300
"""Those with the newest events; what is older is left as it is."""
_ISSUES = (
    "SELECT i.number FROM issues i JOIN issue_releases r ON r.issue = i.number WHERE i.project = ? AND r.release = ? "
    "AND i.merged_into IS NULL ORDER BY i.last_seq DESC LIMIT ?"
)
_NEWEST = "SELECT payload, received_ms FROM events WHERE issue = ? AND release = ? ORDER BY seq DESC LIMIT 1"


def regroup(session: Session, project: int, release: str, map_frames: MapFrames) -> int:
    """Let each issue of this release stand also for what its newest event is with the map; how many were made one with
    another. In a write of the telemetry store that holds its head."""
    merged = 0
    for (number,) in rows(session, _ISSUES, project, release, MOST_ISSUES):
        for payload, received_ms in rows(session, _NEWEST, number, release):
            event = _read(unpack(payload), project, received_ms, map_frames)
            if event is not None:
                merged += _stand_for(session, project, int(number), event)
    return merged


def _read(sent: object, project: int, received_ms: int, map_frames: MapFrames) -> Event | None:
    try:
        return read_event(sent, project, received_ms, map_frames=map_frames)
    except DroppedError:
        return None


def _stand_for(session: Session, project: int, number: int, event: Event) -> bool:
    run(session, "UPDATE issues SET culprit = ? WHERE number = ?", event.culprit, number)
    known = rows(
        session, "SELECT issue FROM fingerprints WHERE project = ? AND fingerprint = ?", project, event.key
    )  # fmt: skip
    if not known:
        run(
            session,
            "INSERT INTO fingerprints (project, fingerprint, issue) VALUES (?, ?, ?)",
            project,
            event.key,
            number,
        )
        return False
    if int(known[0][0]) == number:
        return False
    this, other = (get_issue(session, [project], one) for one in (number, int(known[0][0])))
    if this is None or other is None or this.number == other.number:
        return False
    merge(session, this, other)
    return True

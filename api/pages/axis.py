"""What stands on the axis of time of a check's chart beside its runs: its alerts, and its maintenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.orm import Session

from alerts.book import Window, window_of
from api.pages.charts import Box, span_box
from api.pages.words import counted
from store.alert_tables import Alert
from store.alerts import AlertFilter, list_alerts
from store.check_history import Columns
from store.maintenance_windows import list_windows
from store.tables import Check

_MOST_ALERTS = 100
_MOST_WINDOWS = 100
_MOST_TIMES = 120
"""Of one window that comes again and again."""


@dataclass(frozen=True)
class Event:
    """From then to then (None: it lasts), on an axis of WIDTH."""

    css: str
    word: str
    from_ms: int
    to_ms: int | None
    box: Box
    path: str | None


@dataclass(frozen=True)
class Axis:
    """Newest first; `label` says how many of each there are."""

    alerts: Sequence[Event]
    maintenance: Sequence[Event]

    @property
    def label(self) -> str:
        parts = [counted(len(self.alerts), "alert")] if self.alerts else []
        if self.maintenance:
            parts.append(f"{counted(len(self.maintenance), 'stretch', 'stretches')} of maintenance")
        return f"{' and '.join(parts)} in this time"

    def __bool__(self) -> bool:
        return bool(self.alerts or self.maintenance)


def axis(session: Session, check: Check, columns: Columns, now_ms: int, width: float) -> Axis:
    """Of one check, within these columns."""
    found, _ = list_alerts(session, AlertFilter(check_id=check.id), (0, _MOST_ALERTS))
    alerts = [event for alert in found if (event := _of_alert(alert, columns, now_ms, width)) is not None]
    rows, _ = list_windows(session, page=(0, _MOST_WINDOWS))
    tags = check.definition.get("tags") or ()
    windows = [window for window in map(window_of, rows) if window.apply_to.covers(check.id, tags)]
    rests = [event for window in windows for event in _of_window(window, columns, width)]
    return Axis(alerts, sorted(rests, key=lambda event: -event.from_ms))


def _of_alert(alert: Alert, columns: Columns, now_ms: int, width: float) -> Event | None:
    from_ms = min([*alert.votes.values(), alert.at_ms])
    box = span_box(from_ms, alert.resolved_ms or now_ms + 1, columns.from_ms, columns.to_ms, width)
    if box is None:
        return None
    return Event("down", alert.title, from_ms, alert.resolved_ms, box, f"/alerts/{alert.id}")


def _of_window(window: Window, columns: Columns, width: float) -> Iterator[Event]:
    for from_ms, to_ms in islice(window.times(columns.from_ms, columns.to_ms), _MOST_TIMES):
        box = span_box(from_ms, to_ms, columns.from_ms, columns.to_ms, width)
        if box is not None:
            yield Event("maintenance", window.name, from_ms, to_ms, box, None)

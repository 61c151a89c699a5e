"""/agents/:id: one run of an agent, event by event, with its time line and what went wrong in it.

A long run is shown a window at a time; a running one grows at its end. What the page needs for that stands in it, so it
can be read, and stepped through, without a script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from api.access import Scope
from api.agent_access import Seen
from api.agent_analyses import analyze_agent_session
from api.agent_events import SessionPath
from api.errors import Invalid
from api.pages.agent_event_view import event_views
from api.pages.agent_findings import analysis_view, labels_by_event
from api.pages.agent_track import GAP, HEIGHT, LANE, TOP, RunTimes, track
from api.pages.agents import HERE, STATES, lasted, run_path
from api.pages.folded import folded
from api.pages.gate import page
from api.pages.rendering import go_to, render
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from telemetry.agents.stored.analyses import get_analysis
from telemetry.agents.stored.sessions import RUNNING, AgentSession
from telemetry.agents.stored.windows import (
    Stretch,
    outline_of,
    seq_at,
    seq_before,
    state_before,
    stretch_after,
)

pages = Blueprint("agent_run_pages", __name__)
WINDOW = 100
"""Events of a page."""
MOST_BYTES = 4 << 20
"""Of their JSON."""
_LEAD = 10
"""Events that stand before the one that is asked for."""
_LARGEST = 2**53
_DONE = {"analyzed": "It was analyzed just now."}


@dataclass(frozen=True)
class Around:
    """Where the windows beside this one begin, None where there is none."""

    earlier: str | None
    later: str | None


@pages.get(f"{HERE}/<path:agent_session_id>")
@page(Scope.READ)
def agent_run(agent_session_id: str) -> Response:
    """A window of it: from an event on (`after_seq`), or around one (`seq`); without either the beginning, and of a
    running one the end. `go` and `at` lead to the event of that number, or of that time after the first."""
    seen, store = Seen(), services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)
        run = seen.session(session, agent_session_id)
        where = (session, seen.organization_id, run.number)
        outline = outline_of(*where)
        times = RunTimes(outline)
        wanted = times.seq_at(number) if (number := _number("at")) is not None else _number("go")
        if wanted is not None:
            found = seq_at(*where, wanted)
            return go_to(run_path(run.id) if found is None else f"{run_path(run.id)}?seq={found}#seq-{found}")
        stored = get_analysis(*where)
        target = _number("seq")
        stretch = stretch_after(*where, _begins(where, run, target), limit=WINDOW, most_bytes=MOST_BYTES)
        around = _around(where, run, stretch)
        before = state_before(*where, stretch.events[0].seq) if stretch.events else None
    shown = {event.seq for event in stretch.events}
    path = run_path(run.id)

    def href(seq: int) -> str:
        return f"#seq-{seq}" if seq in shown else f"{path}?seq={seq}#seq-{seq}"

    analysis = None if stored is None else analysis_view(stored, outline, run.last_seq, href)
    return render(
        "agent_run.html",
        run=run,
        path=path,
        css=STATES.get(run.status, "unknown"),
        lasted=lasted(run.status, run.started_ms, times.whole_ms, now_ms),
        running=run.status == RUNNING,
        project=None if run.project is None else seen.projects.get(run.project),
        metadata=folded("Metadata", run.metadata or None, closed=True),
        events=event_views(stretch.events, before),
        times=times,
        track=track(times, None if analysis is None else analysis.critical),
        analysis=analysis,
        labels={} if stored is None else labels_by_event(stored),
        target=target,
        stretch=stretch,
        around=around,
        outlined=len(outline),
        height=HEIGHT,
        lanes=[TOP + lane * (LANE + GAP) for lane in range(3)],
        lane=LANE,
        done=_DONE.get(request.args.get("done", "")),
        now_ms=now_ms,
    )


@pages.post(f"{HERE}/<path:agent_session_id>/analyze")
@page(Scope.RUN)
def analyze_agent_run(agent_session_id: str) -> Response:
    """Run the detectors over what it has now."""
    analyze_agent_session(SessionPath.model_construct(agent_session_id=agent_session_id))
    return go_to(f"{run_path(agent_session_id)}?done=analyzed#analysis")


_Where = tuple[Session, str, int]


def _begins(where: _Where, run: AgentSession, target: int | None) -> int:
    """After which `seq` the window begins."""
    after = _number("after_seq")
    if after is not None:
        return after
    if target is not None:
        return seq_before(*where, target, _LEAD)
    return seq_before(*where, run.last_seq + 1, WINDOW) if run.status == RUNNING else 0


def _around(where: _Where, run: AgentSession, stretch: Stretch) -> Around:
    path, events = run_path(run.id), stretch.events
    first = events[0].seq if events else run.last_seq + 1
    earlier = f"{path}?after_seq={seq_before(*where, first, WINDOW)}#seq-{seq_before(*where, first, 0)}"
    later = f"{path}?after_seq={events[-1].seq}" if events and stretch.more else None
    return Around(earlier if stretch.before else None, later)


def _number(name: str) -> int | None:
    """A parameter of the address. Invalid."""
    given: Any = request.args.get(name, "").strip().removeprefix("#")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 17 and int(given) <= _LARGEST):
        raise Invalid({name: ["must be a whole number"]})
    return int(given)

"""/agents: runs of agents, the newest first, with what was found in each; how to record a first one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request

from api.access import Scope
from api.errors import Invalid
from api.events_query import number_of
from api.pages.gate import page, visitor
from api.pages.rendering import render
from api.pages.reported import Chosen, address, chosen_project
from api.pages.words import listed, offset
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from telemetry.agents.detectors.registry import LABELS
from telemetry.agents.stored.run_list import MOST_COUNTED, Counted, ListedRun, RunFilter, count_newest, find_runs
from telemetry.agents.stored.sessions import RUNNING

pages = Blueprint("agent_pages", __name__)
HERE = "/agents"
PER_PAGE = 50
STATES = {"running": "under-way", "failed": "down", "completed": "up"}
"""Each status with the mark that pages show of it, those that need a look first."""
_MOST_TYPED = 200
_FIELDS = ("agent", "status", "label", "q")


@dataclass(frozen=True)
class Row:
    """A run in the list. `labels`: what its analysis found, the critical one first."""

    run: ListedRun
    href: str
    css: str
    lasted: str
    project: str
    labels: Sequence[str]


@pages.get(HERE)
@page(Scope.READ)
def agents() -> Response:
    """By project, agent, status, what was found, and name."""
    chosen, typed = chosen_project(), _typed()
    cursor = request.args.get("cursor") or None
    wanted = RunFilter(_projects(chosen), typed["agent"], typed["status"], typed["label"], typed["q"])
    organization_id, store = visitor().caller.organization_id, services().database.telemetry
    before = number_of(cursor)
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)
        found, following = find_runs(session, organization_id, wanted, before=before, limit=PER_PAGE)
        every = count_newest(session, organization_id, RunFilter(wanted.projects))
        counts = count_newest(session, organization_id, wanted) if any(typed.values()) else every
    given = {"project": chosen.slug, **typed}
    return render(
        "agents.html",
        heading=heading_of(counts) if counts or not every else "No run fits",
        rows=[_row(run, chosen, now_ms) for run in found],
        chosen=chosen,
        typed=typed,
        narrowed=any(given.values()),
        agents=sorted({each.agent for each in every} | ({typed["agent"]} - {""})),
        statuses=tuple(STATES),
        labels=LABELS,
        following=following,
        address=lambda **changed: address(HERE, given, changed),
        live=cursor is None,
        stream=_stream(chosen),
        quiet=not every,
        now_ms=now_ms,
    )


def run_path(run_id: str) -> str:
    """Where a run is shown."""
    return f"{HERE}/{quote(run_id, safe='')}"


def lasted(status: str, started_ms: int, took_ms: int, now_ms: int) -> str:
    """How long a run took by its events, or has been going on."""
    return offset(now_ms - started_ms if status == RUNNING else took_ms)


def heading_of(counts: Sequence[Counted]) -> str:
    """`2 running, 1 failed and 40 completed`, of the newest."""
    found = Counter[str]()
    for each in counts:
        found[each.status] += each.count
    if not found:
        return "No agent has reported yet"
    said = listed([f"{found[status]} {status}" for status in STATES if found[status]])
    return f"{said}, of the newest {MOST_COUNTED:,} runs" if found.total() == MOST_COUNTED else said


def _row(run: ListedRun, chosen: Chosen, now_ms: int) -> Row:
    return Row(
        run,
        run_path(run.id),
        STATES.get(run.status, "unknown"),
        lasted(run.status, run.started_ms, (run.last_at_ms or 0) - (run.first_at_ms or 0), now_ms),
        chosen.slugs.get(run.project, "") if run.project is not None else "",
        (run.labels or "").split(),
    )


def _projects(chosen: Chosen) -> list[int] | None:
    """By number; None: all, and runs of no project."""
    return chosen.numbers if chosen.slug or visitor().caller.projects is not None else None


def _typed() -> dict[str, str]:
    """Invalid for a status or a label that there is not."""
    typed = {name: request.args.get(name, "").strip()[:_MOST_TYPED] for name in _FIELDS}
    for name, known in (("status", tuple(STATES)), ("label", LABELS)):
        if typed[name] and typed[name] not in known:
            raise Invalid({name: [f"must be one of {', '.join(known)}"]})
    return typed


def _stream(chosen: Chosen) -> str:
    """What says that there is something new."""
    found: dict[str, Any] = {"project_id": chosen.slug}
    return address("/api/stream", found, {})

"""/probes: the locations and the probes that serve them, how busy they are, and what to type to add one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request

from api.access import Scope
from api.errors import Invalid
from api.pages.forms import page_number, read_form, typed
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.pages.words import counted, duration
from api.probes import ProbePath, create_probe, delete_probe
from api.schemas.fleet import ProbeRequest
from api.services import services
from store.checks import checks_by_location
from store.fleet import Waiting, waiting_runs
from store.organizations import get_organization
from store.probes import ProbeState, list_probes, online_instances, served_locations
from store.tables import ProbeInstance

pages = Blueprint("fleet", __name__)
PER_PAGE = 100
_HERE = "/probes"
_LATE_MS = 10_000
"""Runs that wait longer than this find no probe that has room."""
_DONE = {"deleted": "The probe is deleted: its key opens nothing any more, and what it held goes to others."}


@dataclass(frozen=True)
class Place:
    """A location. `css`, `word`: its state; `running`: runs in progress there; `waiting`: in words, empty if none."""

    name: str
    css: str
    word: str
    online: int
    registered: int
    checks: int
    running: int
    waiting: str
    late: bool
    abilities: Sequence[str]
    default: bool


@dataclass(frozen=True)
class Member:
    """A probe. `since_ms`: online or offline since; None for one that never came."""

    state: ProbeState
    css: str
    word: str
    since_ms: int | None
    processes: int
    running: int
    spool: int
    abilities: Sequence[str]
    self_check: bool


@dataclass(frozen=True)
class Made:
    """A probe that was registered just now: its key is known this once."""

    id: str
    name: str
    location: str
    key: str
    command: str


@pages.get(_HERE)
@page(Scope.READ)
def fleet_page() -> Response:
    """The fleet."""
    return _page(done=_DONE.get(request.args.get("done", "")))


@pages.post(_HERE)
@page(Scope.ADMIN)
def add_probe_here() -> Response:
    """Register a probe by the form; the page that follows shows its key, this once, and how to start it."""
    try:
        asked = read_form(ProbeRequest)
    except Invalid as error:
        return _page(error.fields, error.status)
    made = create_probe(asked).get_json()["data"]
    return _page(made=Made(made["id"], made["name"], made["location"], made["key"], _command(made)))


@pages.post(f"{_HERE}/<probe_id>/delete")
@page(Scope.ADMIN)
def delete_probe_here(probe_id: str) -> Response:
    """Delete a probe."""
    delete_probe(ProbePath.model_construct(probe_id=probe_id))
    return go_to(f"{_HERE}?done=deleted")


def _command(made: Mapping[str, str]) -> str:
    """What to type on the machine that shall be the probe. The key stands in the environment, where no list of
    processes shows it."""
    key, url, location = (shlex.quote(text) for text in (made["key"], services().public_url, made["location"]))
    nets = services().settings.allow_nets
    allowed = f"TRACER_ALLOW_NETS={shlex.quote(','.join(nets))} " if nets else ""
    return f"TRACER_PROBE_KEY={key} {allowed}tracer probe --url {url} --location {location}"


def _page(
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    done: str | None = None,
    made: Made | None = None,
) -> Response:
    who, state, number = visitor().caller, services(), page_number()
    with state.database.read(who.organization_id) as session:
        now_ms = state.database.now_ms(session)
        probes, total = list_probes(session, now_ms, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
        organization = get_organization(session, who.organization_id)
        defaults = set(organization.default_locations) if organization is not None else set()
        registered, checks, waiting = served_locations(session), checks_by_location(session), waiting_runs(session)
        online = online_instances(session, now_ms)
    places = [
        _place(
            name,
            [instance for instance in online if instance.location == name],
            (registered.get(name, 0), checks[name]),
            waiting.get(name),
            now_ms,
            default=name in defaults,
        )
        for name in sorted({*defaults, *registered, *checks, *waiting})
    ]
    return render(
        "probes.html",
        status,
        no_store=True,
        heading=_heading(places),
        places=places,
        members=[_member(probe, now_ms) for probe in probes],
        number=number,
        more=total > number * PER_PAGE,
        wrong={name: messages[0] for name, messages in (wrong or {}).items()},
        typed=typed(("name", "location"), again=bool(wrong)),
        done=done,
        made=made,
        now_ms=now_ms,
    )


def _heading(places: Sequence[Place]) -> str:
    """The answer in words: `2 locations online, 1 without a probe`."""
    if not places:
        return "No probe yet"
    online = sum(place.online > 0 for place in places)
    without = len(places) - online
    if not online:
        return f"{counted(without, 'location')} without a probe that answers"
    rest = f", {without} without a probe that answers" if without else ""
    return f"{counted(online, 'location')} online{rest}"


def _place(
    name: str,
    online: Sequence[ProbeInstance],
    numbers: tuple[int, int],
    waiting: Waiting | None,
    now_ms: int,
    *,
    default: bool,
) -> Place:
    """`numbers`: of probes registered there, and of checks that name it."""
    registered, checks = numbers
    waited_ms = now_ms - waiting.since_ms if waiting is not None else 0
    css, word = ("up", "online") if online else (("down", "offline") if registered else ("unknown", "no probe"))
    return Place(
        name=name,
        css=css,
        word=word,
        online=len(online),
        registered=registered,
        checks=checks,
        running=sum(instance.running for instance in online),
        waiting=f"{counted(waiting.runs, 'run')}, the oldest for {duration(waited_ms)}" if waiting is not None else "",
        late=waited_ms > _LATE_MS,
        abilities=sorted({ability for instance in online for ability in instance.capabilities}),
        default=default,
    )


def _member(state: ProbeState, now_ms: int) -> Member:
    live, newest = state.live(now_ms), state.newest
    if state.online:
        css, word, since_ms = "up", "online", min(instance.started_ms for instance in live)
    elif newest is not None:
        css, word, since_ms = "down", "offline", newest.seen_ms
    else:
        css, word, since_ms = "unknown", "never started", None
    return Member(
        state=state,
        css=css,
        word=word,
        since_ms=since_ms,
        processes=len(live),
        running=sum(instance.running for instance in live),
        spool=sum(instance.spool for instance in live),
        abilities=sorted({ability for instance in live for ability in instance.capabilities}),
        self_check=newest is not None and newest.self_check == "on",
    )

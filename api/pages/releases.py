"""/releases: what went live when, and what that changed for the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from api.access import Scope
from api.checks_behind import checks_around
from api.errors import NotFound
from api.pages.gate import page
from api.pages.rendering import render
from api.pages.reported import LEVELS_CSS, Pointing, address, chosen_project, pointing, telemetry_now_ms
from api.pages.words import NOTHING, milliseconds
from api.project_access import may_see, visible
from api.services import services
from api.telemetry_shapes import issue_id
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.issues import issues_first_in
from telemetry.stored.releases import Release, first_met, get_release, issues_by_release, list_releases, releases_met
from telemetry.stored.source_map_rows import list_maps

pages = Blueprint("release_pages", __name__)
MOST = 100
_HOURS = (1, 6, 24, 168)
_WORSE_BY = 1.2
"""A response time so many times what it was is said to be worse."""


@dataclass(frozen=True)
class Pair:
    """A figure before and after, in words; `css`: down when it got worse."""

    before: str
    after: str
    css: str


@dataclass(frozen=True)
class CheckRow:
    id: str
    name: str
    is_journey: bool
    uptime: Pair
    average: Pair
    p95: Pair
    runs: str


@pages.get("/releases")
@page(Scope.READ)
def releases() -> Response:
    """The newest first."""
    chosen = chosen_project()
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        told, met = list_releases(session, chosen.numbers, MOST), releases_met(session, chosen.numbers, MOST)
        found = sorted((*told, *met), key=_newness, reverse=True)[:MOST]
        issues = issues_by_release(session, found)
    how: Pointing | None = None if found else pointing(list(chosen.shown.projects.values()))
    return render(
        "releases.html",
        releases=[(release, *issues.get((release.project, release.release), (0, 0))) for release in found],
        met={(release.project, release.release) for release in met},
        chosen=chosen,
        address=lambda **changed: address("/releases", {"project": chosen.slug}, changed),
        pointing=how,
        most=MOST,
        now_ms=telemetry_now_ms(),
    )


@pages.get("/releases/<project_id>")
@page(Scope.READ)
def release_page(project_id: str) -> Response:
    """One: `?name=web@2.4.1`. Checks before and after, the issues it brought, and its source maps."""
    name, hours = request.args.get("name", ""), _hours()
    every = visible()
    known = next(
        (each for each in every.projects.values() if project_id in (each.slug, each.id, str(each.number))), None
    )
    known = may_see(known, project_id)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        release = get_release(session, known.number, name)
        brought = issues_first_in(session, known.number, name)
        met_ms = first_met(session, known.number, name)
        maps = list_maps(session, [known.number], name, limit=MOST + 1)
    if release is None and met_ms is None:
        raise NotFound("There is no such release: no build told of it, and no error names it")
    at_ms = met_ms if release is None else _newness(release)
    traced, checks = (False, []) if at_ms is None else checks_around(known.number, at_ms, hours)
    return render(
        "release.html",
        called=name,
        project=known,
        release=release,
        at_ms=at_ms,
        hours=hours,
        all_hours=[(each, f"{each} h" if each < 48 else f"{each // 24} d") for each in _HOURS],
        met=traced,
        checks=[_row(check) for check in checks],
        brought=[(issue_id(issue.number), issue) for issue in brought],
        maps=maps[:MOST],
        more_maps=len(maps) > MOST,
        levels=LEVELS_CSS,
        address=lambda **changed: address(f"/releases/{known.slug}", {"name": name, "hours": hours}, changed),
        now_ms=telemetry_now_ms(),
    )


def _newness(release: Release) -> int:
    return release.deployed_ms or release.created_ms


def _hours() -> int:
    given = request.args.get("hours", "")
    return int(given) if given in {str(each) for each in _HOURS} else 24


def _row(check: Mapping[str, Any]) -> CheckRow:
    before, after = check["before"], check["after"]
    counts = [f"{side['success'] + side['failed']}" for side in (before, after)]
    return CheckRow(
        id=check["id"],
        name=check["name"],
        is_journey=check["type"] == "journey",
        uptime=_uptime(before["uptime"], after["uptime"]),
        average=_time(before["avg_response_ms"], after["avg_response_ms"]),
        p95=_time(before["p95_response_ms"], after["p95_response_ms"]),
        runs=f"{counts[0]} and {counts[1]} runs",
    )


def _uptime(before: float | None, after: float | None) -> Pair:
    shown = [NOTHING if value is None else f"{value:g} %" for value in (before, after)]
    worse = before is not None and after is not None and after < before
    return Pair(shown[0], shown[1], "down" if worse else "")


def _time(before: float | None, after: float | None) -> Pair:
    worse = before is not None and after is not None and after > before * _WORSE_BY
    return Pair(milliseconds(before), milliseconds(after), "down" if worse else "")

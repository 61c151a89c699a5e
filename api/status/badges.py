"""Badges of a check that opted in: its state, or its uptime of 30 days, as a small SVG for READMEs and wikis."""

from __future__ import annotations

from flask import render_template

from alerts.book import windows_at
from api.answer_headers import HEADERS
from api.kept_pages import Kept
from api.services import services
from model.health import Health
from model.uptime import Counts
from store.sessions import EVERY_ORGANIZATION
from store.stats import days_of_checks
from store.status_pages import badge_check, shown_checks

BADGES = ("uptime", "state")
_SVG = "image/svg+xml; charset=utf-8"
_DAYS = 30
_WORDS = {
    Health.UP: "up", Health.DEGRADED: "has trouble", Health.DOWN: "down", Health.UNKNOWN: "not measured",
    Health.PAUSED: "paused", Health.MAINTENANCE: "in maintenance",
}  # fmt: skip
_COLOURS = {
    Health.UP: "#1a7a50", Health.DEGRADED: "#8a5c00", Health.DOWN: "#b32b1e", Health.MAINTENANCE: "#2b59c3",
}  # fmt: skip
_GREY = "#596070"
_PER_CHARACTER, _PADDING = 6.6, 12


def badge(check_id: str, name: str) -> Kept | None:
    """`name`: one of BADGES. None: no such check, or its badges are nobody's to see. In an app's context."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        found = badge_check(session, check_id)
        now_ms = state.database.now_ms(session)
    if found is None:
        return None
    with state.database.read(found) as session:
        windows = windows_at(session, found, now_ms)
        shown = shown_checks(
            session, [check_id], now_ms, lambda one, tags: any(window.apply_to.covers(one, tags) for window in windows)
        )
        days = days_of_checks(session, [check_id], now_ms, _DAYS)[check_id] if name == "uptime" else []
    if check_id not in shown:
        return None
    check = shown[check_id]
    if name == "state":
        return _drawn(check.name, "state", _WORDS[check.health], _COLOURS.get(check.health, _GREY))
    counts = Counts()
    for day in days:
        counts.add(day.planned, day.success, day.failed)
    return _drawn(check.name, f"uptime {_DAYS} d", _uptime(counts), _colour_of(counts.uptime))


def _uptime(counts: Counts) -> str:
    if counts.uptime is None:
        return "not measured"
    return (
        f"{counts.uptime:g} %" if counts.coverage == 100 else f"{counts.uptime:g} % of {counts.coverage:g} % measured"
    )


def _colour_of(uptime: float | None) -> str:
    if uptime is None:
        return _GREY
    state = Health.UP if uptime >= 99.5 else Health.DEGRADED if uptime >= 95 else Health.DOWN
    return _COLOURS[state]


def _drawn(check_name: str, label: str, value: str, colour: str) -> Kept:
    left, right = (round(len(text) * _PER_CHARACTER + _PADDING) for text in (label, value))
    text = render_template(
        "status/badge.svg", name=check_name, label=label, value=value, colour=colour, left=left, right=right
    )
    return Kept(text.encode(), _SVG, HEADERS["Content-Security-Policy"])

"""Where a visitor can go: the main menu, the tabs of the settings, of alerting and of errors. A new place is a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from api.access import Scope


class Looking(Protocol):
    """Who looks at a page."""

    def may(self, scope: str) -> bool:
        """Whether they have that scope."""


@dataclass(frozen=True)
class Place:
    """An entry of a menu. `pages`: the names (`here` in their templates) of the pages it stands for."""

    path: str
    word: str
    pages: tuple[str, ...]
    scope: Scope = Scope.READ


SETTINGS = (
    Place("/settings/people", "People", ("people",), Scope.ADMIN),
    Place("/settings/keys", "API keys", ("keys",), Scope.ADMIN),
    Place("/settings/organization", "Organization", ("organization",), Scope.ADMIN),
    Place("/settings/secrets", "Secrets", ("secrets",)),
    Place("/settings/usage", "Usage", ("usage",)),
    Place("/settings/audit", "Audit log", ("audit",), Scope.ADMIN),
    Place("/settings/status-pages", "Status pages", ("status_pages",), Scope.WRITE),
    Place("/settings/maintenance", "Maintenance", ("maintenance",)),
    Place("/account", "Your account", ("account",)),
)
ALERTS = (
    Place("/alerts", "Inbox", ("alerts",)),
    Place("/alerts/rules", "Rules on checks", ("rules",)),
    Place("/alerts/event-rules", "Rules on events", ("event_rules",)),
    Place("/alerts/channels", "Channels", ("channels",)),
    Place("/alerts/silences", "Silences", ("silences",)),
    Place("/alerts/why", "Why?", ("why",)),
)
ERRORS = (
    Place("/issues", "Issues", ("issues", "traces")),
    Place("/query", "Query", ("query",)),
    Place("/releases", "Releases", ("releases",)),
    Place("/generations", "AI generations", ("generations",)),
    Place("/projects", "Projects", ("projects",)),
)
MAIN = (
    Place("/", "Overview", ("overview",)),
    Place("/monitors", "Monitors", ("monitors",)),
    Place("/journeys", "Journeys", ("journeys",)),
    Place("/alerts", "Alerts", tuple(name for place in ALERTS for name in place.pages)),
    Place("/issues", "Errors", tuple(name for place in ERRORS for name in place.pages)),
    Place("/probes", "Fleet", ("probes",)),
    Place("/settings", "Settings", tuple(name for place in SETTINGS for name in place.pages)),
    Place("/docs", "API", ()),
)


def main_menu(visitor: Looking) -> list[Place]:
    """The main menu."""
    return [place for place in MAIN if visitor.may(place.scope)]


def settings_menu(visitor: Looking) -> list[Place]:
    """The tabs of the settings."""
    return [place for place in SETTINGS if visitor.may(place.scope)]


def alerts_menu(visitor: Looking) -> list[Place]:
    """The tabs of alerting."""
    return [place for place in ALERTS if visitor.may(place.scope)]


def errors_menu(visitor: Looking) -> list[Place]:
    """The tabs of what services report."""
    return [place for place in ERRORS if visitor.may(place.scope)]

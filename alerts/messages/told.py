"""What a person is told of one event: what broke, since when, how bad, seen from where, and what to do.

Made from the webhook's payload alone (CONTRACT, "Alerts, rules, channels"), so every channel says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alerts.messages.durations import lasting, moment, seconds_between
from alerts.messages.inert import inert
from alerts.messages.links import alert_page, issue_page, run_page, screenshot_place

_CAUSE = 1_000
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Told:
    """All texts are one line each and inert but for a channel's own markup. `mark`: CRITICAL, RESOLVED, …; `facts` and
    `links`: (label, text or URL) in the order in which they matter. `link`: the page that says more. `thread`: what
    belongs together, an alert's or a notice's id. `acknowledge`: the link that does, while there is something to
    acknowledge. `context`: where and since when, for a line of a digest."""

    event: str
    mark: str
    headline: str
    thread: str
    severity: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    link: str | None = None
    acknowledge: str | None = None
    context: str = ""

    @property
    def subject(self) -> str:
        """One line that makes sense alone."""
        return inert(f"[{self.mark}] {self.headline}", 250)

    @property
    def good(self) -> bool:
        """Whether it is good news."""
        return self.mark == "RESOLVED"


def told(payload: dict[str, Any], public_url: str, acknowledge_url: Callable[[str], str | None]) -> Told:
    """Of one webhook body."""
    data = payload.get("data") or {}
    event = str(payload.get("type"))
    if event == "notice":
        return _notice(data)
    if event == "alert.test":
        return _test(data, public_url)
    return _alert(event, str(payload.get("timestamp") or ""), data, public_url, acknowledge_url)


def _alert(
    event: str, at: str, data: dict[str, Any], public_url: str, acknowledge_url: Callable[[str], str | None]
) -> Told:
    alert, check, run = data.get("alert") or {}, data.get("check") or {}, data.get("run") or {}
    alert_id = str(alert.get("id"))
    severity = inert(alert.get("severity"), 10) or "high"
    page = alert_page(public_url, alert)
    links = [("Alert", page)]
    if check.get("runbook_url"):
        links.insert(0, ("Runbook", inert(check["runbook_url"], 2_000)))
    if run.get("id"):
        links.append(("Run", run_page(public_url, run)))
    if run.get("id") and (picture := screenshot_place(public_url, run)) is not None:
        links.append(("Screenshot", picture))
    issue = data.get("issue") or {}
    if issue.get("id"):
        links.append(("Issue", issue_page(public_url, issue)))
    by_events = alert.get("project_id") is not None
    facts = {"alert.resolved": _resolved, "alert.acknowledged": _acknowledged}.get(
        event, _happening if by_events else _failing
    )
    parts = _Parts(at, alert, check, run, data.get("project") or {}, issue)
    open_still = event in ("alert.triggered", "alert.reminder") and alert.get("status") == "triggered"
    return Told(
        event=event,
        mark={
            "alert.resolved": "RESOLVED",
            "alert.acknowledged": "ACKNOWLEDGED",
            "alert.reminder": "STILL HAPPENING" if by_events else "STILL FAILING",
        }.get(event, severity.upper()),
        headline=_over(alert, check) if event == "alert.resolved" else _headline(alert, check),
        thread=alert_id,
        severity=severity,
        facts=[(label, text) for label, text in facts(parts) if text],
        links=links,
        link=page,
        acknowledge=acknowledge_url(alert_id) if open_still else None,
        context=_context(alert),
    )


def _headline(alert: dict[str, Any], check: dict[str, Any]) -> str:
    title, name = inert(alert.get("title")), inert(check.get("name"), 200)
    if not title:
        return name
    return title if not name or name in title else f"{name}: {title}"


def _over(alert: dict[str, Any], check: dict[str, Any]) -> str:
    """Good news must not read like bad news on a phone's lock screen."""
    name = inert(check.get("name"), 200) or inert(alert.get("title"))
    if alert.get("resolved_by"):
        return f"{name}: resolved by {inert(alert['resolved_by'], 100)}"
    recovered = str(alert.get("resolution") or "it recovered").startswith("it recovered")
    return f"{name} has recovered" if recovered else f"{name}: the alert is closed"


Facts = Iterator[tuple[str, str]]


class _Parts(NamedTuple):
    """A body taken apart; `at` is its timestamp."""

    at: str
    alert: dict[str, Any]
    check: dict[str, Any]
    run: dict[str, Any]
    project: dict[str, Any]
    issue: dict[str, Any]


def _failing(parts: _Parts) -> Facts:
    at, alert, check, run, _, issue = parts
    yield "Cause", _cause(alert, run)
    yield "Error behind it", _behind(issue)
    yield "Since", _since(at, alert)
    yield "Severity", inert(alert.get("severity"), 10)
    yield "Seen from", _places(alert)
    yield "Target", inert(check.get("target"))
    yield "Last good run", moment((alert.get("last_good_run") or {}).get("at")) or "none known"
    affected = [inert(other.get("name"), 100) for other in alert.get("also_affected") or ()]
    more = f" and {len(affected) - _MOST_NAMED} more" if len(affected) > _MOST_NAMED else ""
    yield "Also affected", ", ".join(affected[:_MOST_NAMED]) + more
    yield "About", inert(check.get("description"))
    yield "Rule", inert(alert.get("rule_name"), 200)


def _happening(parts: _Parts) -> Facts:
    """What events are raising."""
    alert, project, issue = parts.alert, parts.project, parts.issue
    yield "Cause", _cause(alert, {})
    yield "Since", _since(parts.at, alert)
    yield "Severity", inert(alert.get("severity"), 10)
    yield "Project", inert(project.get("name"), 200)
    yield "Where", inert(issue.get("culprit"), 300)
    yield "First seen", moment(issue.get("first_seen"))
    yield "First in release", inert(issue.get("first_release"), 200)
    yield "Rule", inert(alert.get("rule_name"), 200)


def _resolved(parts: _Parts) -> Facts:
    at, alert, check, *_ = parts
    yield "Lasted", lasting(alert.get("duration_s"))
    began, ended = moment(alert.get("since") or alert.get("triggered_at")), moment(alert.get("resolved_at") or at)
    yield "From", f"{began} to {ended}" if began else ended
    yield "Resolved by", inert(alert.get("resolved_by"), 200)
    yield "How", inert(alert.get("resolution"))
    yield "It was", _cause(alert, {})
    yield "Seen from", _places(alert)
    yield "Target", inert(check.get("target"))


def _acknowledged(parts: _Parts) -> Facts:
    at, alert, *_ = parts
    yield "By", inert(alert.get("acknowledged_by"), 200)
    yield "At", moment(alert.get("acknowledged_at"))
    notes = alert.get("notes") or ()
    yield "Note", inert(notes[-1].get("text"), 500) if notes else ""
    yield "Cause", _cause(alert, {})
    yield "Since", _since(at, alert)


def _cause(alert: dict[str, Any], run: dict[str, Any]) -> str:
    cause = inert(alert.get("cause"), _CAUSE)
    said = inert((run.get("error") or {}).get("message"))
    return f"{cause} ({said})" if cause and said and said not in cause else cause or said


def _behind(issue: dict[str, Any]) -> str:
    """What the service itself reported of the runs."""
    title, release = inert(issue.get("title")), inert(issue.get("first_release"), 200)
    if not title:
        return ""
    return f"{title} (first in {release})" if release else f"{title} (first seen {moment(issue.get('first_seen'))})"


def _since(at: str, alert: dict[str, Any]) -> str:
    since = alert.get("since") or alert.get("triggered_at")
    duration = lasting(seconds_between(since, at))
    return f"{moment(since)} ({duration} ago)" if since and duration else moment(since)


def _context(alert: dict[str, Any]) -> str:
    since = moment(alert.get("since") or alert.get("triggered_at"))
    lasted = lasting(alert.get("duration_s"))
    parts = (_named_places(alert), since and f"since {since}", lasted and f"lasted {lasted}")
    return " · ".join(part for part in parts if part)


def _named_places(alert: dict[str, Any]) -> str:
    places = [inert(place, 64) for place in alert.get("locations") or ()]
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    return ", ".join(places[:_MOST_NAMED]) + more


def _places(alert: dict[str, Any]) -> str:
    shown, needed = _named_places(alert), alert.get("needed")
    return f"{shown} ({needed} needed)" if shown and isinstance(needed, int) and needed > 1 else shown


def _notice(data: dict[str, Any]) -> Told:
    over = bool(data.get("resolved_at"))
    link = inert(data.get("link"), 2_000) or None
    facts = [
        ("Since", moment(data.get("at"))),
        ("Over since", moment(data.get("resolved_at"))),
        ("Severity", "" if over else inert(data.get("severity"), 10)),
    ]
    return Told(
        event="notice",
        mark="RESOLVED" if over else "NOTICE",
        headline=f"Tracer: {inert(data.get('message'), 500)}",
        thread=str(data.get("id")),
        severity=inert(data.get("severity"), 10) or "high",
        facts=[(label, text) for label, text in facts if text],
        links=[("More", link)] if link else [],
        link=link,
        context=f"since {since}" if (since := moment(data.get("at"))) else "",
    )


def _test(data: dict[str, Any], public_url: str) -> Told:
    alert = data.get("alert") or {}
    return Told(
        event="alert.test",
        mark="TEST",
        headline=inert(alert.get("title")),
        thread=str(alert.get("id")),
        severity=inert(alert.get("severity"), 10) or "low",
        facts=[("What this is", inert(alert.get("cause")))],
        links=[("Tracer", public_url)],
        link=public_url,
    )

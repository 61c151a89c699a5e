"""A status page for programs: JSON, and an Atom feed of its updates (RFC 4287)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as Xml

import msgspec

from api.status.view import Incident, PageView, Planned
from model.times import iso

_ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_ENTRIES = 50


def as_json(view: PageView, url: str) -> bytes:
    """What the page says, as an object."""
    return msgspec.json.encode(
        {
            "page": {"title": view.title, "url": url},
            "status": {"state": view.state, "heading": view.heading},
            "groups": [
                {
                    "name": group.name,
                    "components": [
                        {
                            "name": one.name,
                            "state": one.css,
                            "down_since": iso(one.since_ms),
                            "uptime_90d": one.uptime,
                            "coverage_90d": one.coverage,
                        }
                        for one in group.components
                    ],
                }
                for group in view.groups
            ],
            "incidents": [_incident(incident) for incident in (*view.current, *view.past)],
            "maintenance": [_planned(planned) for planned in view.planned],
        }
    )


def as_atom(view: PageView, url: str, made_ms: int) -> bytes:
    """An entry an update, newest first, and before them one for each time of maintenance that is, or is to come.
    `made_ms`: when the page was made, for a feed without entries."""
    posts = sorted(
        ((post, incident) for incident in (*view.current, *view.past) for post in incident.updates),
        key=lambda pair: pair[0].at_ms,
        reverse=True,
    )[:_MOST_ENTRIES]
    Xml.register_namespace("", _ATOM)
    feed = _element(None, "feed")
    _element(feed, "title", view.title)
    _element(feed, "id", url)
    known = [*(post.at_ms for post, _ in posts[:1]), *(planned.updated_ms for planned in view.planned)]
    _element(feed, "updated", iso(max(known, default=made_ms)))
    _element(feed, "link", href=url)
    _element(feed, "link", href=f"{url}.atom", rel="self")
    _element(_element(feed, "author"), "name", view.title)
    for planned in view.planned:
        entry = _element(feed, "entry")
        _element(entry, "title", "Maintenance now" if planned.active else "Planned maintenance")
        _element(entry, "id", f"{url}#maintenance-{planned.id}-{planned.starts_ms}")
        _element(entry, "updated", iso(planned.updated_ms))
        _element(entry, "link", href=url)
        lines = (planned.message, f"{iso(planned.starts_ms)} to {iso(planned.ends_ms)}")
        said = _said("\n\n".join(line for line in lines if line), planned.components)
        _element(entry, "content", said, type="text")
    for post, incident in posts:
        entry = _element(feed, "entry")
        _element(entry, "title", f"{post.status.capitalize()}: {incident.title}")
        _element(entry, "id", f"{url}#{post.id}")
        _element(entry, "updated", iso(post.at_ms))
        _element(entry, "link", href=f"{url}#{incident.id}")
        _element(entry, "content", _said(post.message, incident.components), type="text")
    text: bytes = Xml.tostring(feed, encoding="utf-8", xml_declaration=True)
    return text


def _element(parent: Xml.Element | None, name: str, text: str | None = None, **attributes: str) -> Xml.Element:
    tag = f"{{{_ATOM}}}{name}"
    safe = {key: _fit(value) for key, value in attributes.items()}
    made = Xml.Element(tag, safe) if parent is None else Xml.SubElement(parent, tag, safe)
    made.text = _fit(text) if text is not None else None
    return made


def _fit(text: str) -> str:
    """XML has no word for some characters."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _said(message: str, components: Sequence[str]) -> str:
    return f"{message}\n\nAffects: {', '.join(components)}" if components else message


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "title": incident.title,
        "status": incident.status,
        "components": incident.components,
        "began_at": iso(incident.began_ms),
        "resolved_at": iso(incident.resolved_ms),
        "updates": [
            {"status": post.status, "message": post.message, "at": iso(post.at_ms)} for post in incident.updates
        ],
    }


def _planned(planned: Planned) -> dict[str, Any]:
    return {
        "components": planned.components,
        "starts_at": iso(planned.starts_ms),
        "ends_at": iso(planned.ends_ms),
        "active": planned.active,
        "message": planned.message,
    }

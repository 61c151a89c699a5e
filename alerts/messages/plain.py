"""Messages as plain text: for email's text part and for whatever apprise reaches."""

from __future__ import annotations

from alerts.messages.digest import Digest, named
from alerts.messages.told import Told


def plain(told: Told) -> str:
    """Facts, then links, a line each."""
    lines = [f"{label}: {text}" for label, text in told.facts]
    links = [f"{label}: {url}" for label, url in told.links]
    if told.acknowledge:
        links.insert(0, f"Acknowledge: {told.acknowledge}")
    return "\n".join([*lines, "", *links]).strip() + "\n"


def plain_digest(whole: Digest, room: int, *, with_links: bool) -> str:
    """A line for each event; those that the room does not hold are behind the link at the end."""
    if with_links:
        shown = [f"[{line.mark}] {line.headline}\n  {line.link or ''}".rstrip() for line in whole.lines]
        left = 0
    else:
        shown, left = named(whole.lines, room)
    more = f"and {left} more, all of them here: " if left else "All of them: "
    return "\n".join([*shown, "", more + whole.all_url]) + "\n"

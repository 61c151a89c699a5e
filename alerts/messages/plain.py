"""Messages as plain text: for email's text part and for whatever apprise reaches."""

from __future__ import annotations

from alerts.messages.digest import Digest, fitting, told_in
from alerts.messages.told import Told


def plain(told: Told) -> str:
    """Facts, then links, a line each."""
    lines = [f"{label}: {text}" for label, text in told.facts]
    links = [f"{label}: {url}" for label, url in told.links]
    if told.acknowledge:
        links.insert(0, f"Acknowledge: {told.acknowledge}")
    return "\n".join([*lines, "", *links]).strip() + "\n"


def plain_digest(whole: Digest, room: int) -> str:
    """Each event with its link; those that the room does not hold are behind the link at the end."""
    lines = fitting(whole.lines, room)
    shown = [f"{told_in(line)}\n  {line.link or ''}".rstrip() for line in lines]
    left = len(whole.lines) - len(lines)
    more = f"and {left} more, all of them here: " if left else "All of them: "
    return "\n".join([*shown, "", more + whole.all_url]) + "\n"

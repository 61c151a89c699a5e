"""Slack, by an incoming webhook: Block Kit, with everything a target said as plain text.

In `plain_text` objects Slack reads no markup and no `<!channel>`; `&`, `<` and `>` are escaped all the same, as its
documentation asks for every text. A digest is rich text, whose links are elements and no markup.
Limits: 150 characters a header, 3,000 a section, 50 blocks.
Source: https://docs.slack.dev/reference/block-kit and https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from alerts.channels.base import Channel, ChannelUrl, Delivered, Outgoing, Way
from alerts.channels.http import post
from alerts.messages.digest import Digest, digest, fitting, size
from alerts.messages.told import Told, told

_HEADER = 150
_SECTION = 3_000
_ROOM = 90_000
"""Characters of a digest's events and links: about 30 blocks of them."""
_ANGLES = str.maketrans("<>", "\u2039\u203a")
_COLOURS = {"critical": "🔴", "high": "🔴", "medium": "🟠", "low": "🟡"}


class Slack(Channel):
    """A channel of a Slack workspace."""

    type: ClassVar[str] = "slack"
    secrets: ClassVar[tuple[str, ...]] = ("webhook_url",)
    per_second: ClassVar[float] = 1.0

    webhook_url: ChannelUrl

    async def send(self, outgoing: Outgoing, way: Way) -> Delivered:
        events = [told(payload, way.public_url, way.acknowledge_url) for payload in outgoing.payloads]
        message = (
            _message(events[0], outgoing.id)
            if len(events) == 1
            else _digest_message(digest(events, way.public_url), outgoing.id)
        )
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await post(way.egress, self.webhook_url, msgspec.json.encode(message), headers)


def _message(event: Told, message_id: str) -> dict[str, Any]:
    # The id makes a repeat recognizable: the same message carries the same block_id.
    blocks: list[dict[str, Any]] = [{**_header(f"{_sign(event)} {event.subject}"), "block_id": message_id}]
    facts = "\n".join(f"{label}: {text}" for label, text in event.facts)
    if facts:
        blocks.append({"type": "section", "text": _text(facts, _SECTION)})
    buttons = [_button(label, url) for label, url in event.links]
    if event.acknowledge:
        buttons.insert(0, {**_button("Acknowledge", event.acknowledge), "style": "primary"})
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {**_base(event.subject), "blocks": blocks}


def _digest_message(whole: Digest, message_id: str) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{**_header(whole.subject), "block_id": message_id}]
    lines = fitting([_without_brackets(line) for line in whole.lines], _ROOM)
    left = len(whole.lines) - len(lines)
    part: list[dict[str, Any]] = []
    used = 0
    for line in lines:
        if part and used + size(line) > _SECTION:
            blocks.append(_rich(part))
            part, used = [], 0
        part += _linked(line)
        used += size(line)
    if part:
        blocks.append(_rich(part))
    label = f"All alerts, {left} more than fit here" if left else "All alerts"
    blocks.append({"type": "actions", "elements": [_button(label, whole.all_url)]})
    return {**_base(whole.subject), "blocks": blocks}


def _linked(line: Told) -> list[dict[str, Any]]:
    """A line of a digest: its headline leads to its page."""
    headline = {"type": "link", "url": line.link, "text": line.headline} if line.link and line.headline else None
    return [
        {"type": "text", "text": f"[{line.mark}] "},
        headline or {"type": "text", "text": line.headline or "-"},
        {"type": "text", "text": f" · {line.context}\n" if line.context else "\n"},
    ]


def _rich(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _base(text: str) -> dict[str, Any]:
    """`text` is what notifications on a phone show."""
    return {"text": escaped(text), "mrkdwn": False, "link_names": False, "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _without_brackets(line: Told) -> Told:
    """Rich text knows neither markup nor entities. What would be markup elsewhere is none in any reader."""
    return replace(line, headline=line.headline.translate(_ANGLES), context=line.context.translate(_ANGLES))


def _text(text: str, limit: int) -> dict[str, Any]:
    """Cut before it is escaped, so that no `&lt;` is cut in two; escaped text counts with its full length."""
    while len(escaped(text)) > limit:
        text = text[: limit - max(1, len(escaped(text)) - len(text)) - 1] + "…"
    return _plain(escaped(text))


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _text(text, _HEADER)}


def _button(label: str, url: str) -> dict[str, Any]:
    return {"type": "button", "text": _text(label, 75), "url": url[:3_000], "action_id": f"open_{label.lower()[:40]}"}


def _sign(event: Told) -> str:
    if event.good:
        return "🟢"
    return "⚪" if event.event in ("alert.test", "alert.acknowledged") else _COLOURS.get(event.severity, "🔴")

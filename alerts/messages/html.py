"""Messages as HTML for email: a table of facts and links, no images, no styles that mail programs drop.

Everything is escaped here, in one place; nothing of a target is markup.
"""

from __future__ import annotations

from html import escape

from alerts.messages.digest import Digest
from alerts.messages.told import Told

_BAD, _GOOD, _PLAIN = "#b42318", "#067647", "#344054"
_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    '<body style="font-family:-apple-system,Segoe UI,Roboto,Arial,sans-serif;font-size:15px;color:#1d2939">'
    "{body}</body></html>"
)
_LINK = '<a href="{url}">{label}</a>'
_BUTTON = (
    '<a href="{url}" style="display:inline-block;padding:10px 16px;margin:0 8px 8px 0;border-radius:6px;'
    'background:{colour};color:#ffffff;text-decoration:none">{label}</a>'
)


def html(told: Told) -> str:
    """One event."""
    colour = _colour(told)
    rows = "".join(
        f'<tr><td style="padding:3px 14px 3px 0;color:#667085;white-space:nowrap">{escape(label)}</td>'
        f'<td style="padding:3px 0">{escape(text)}</td></tr>'
        for label, text in told.facts
    )
    buttons = [("Acknowledge", told.acknowledge)] if told.acknowledge else []
    shown = "".join(
        _BUTTON.format(url=escape(url, quote=True), label=escape(label), colour=colour if at == 0 else _PLAIN)
        for at, (label, url) in enumerate([*buttons, *told.links])
    )
    body = (
        f'<p style="margin:0 0 4px;font-weight:600;color:{colour}">{escape(told.mark)}</p>'
        f'<h1 style="margin:0 0 14px;font-size:20px">{escape(told.headline)}</h1>'
        f'<table role="presentation" style="border-collapse:collapse;margin:0 0 16px">{rows}</table><p>{shown}</p>'
    )
    return _PAGE.format(title=escape(told.subject), body=body)


def html_digest(whole: Digest) -> str:
    """Several, a line each."""
    items = "".join(
        f'<li style="margin:4px 0"><strong style="color:{_colour(line)}">{escape(line.mark)}</strong> '
        + (
            _LINK.format(url=escape(line.link, quote=True), label=escape(line.headline))
            if line.link
            else escape(line.headline)
        )
        + (f'<br><span style="color:#667085">{escape(line.context)}</span>' if line.context else "")
        + "</li>"
        for line in whole.lines
    )
    more = _BUTTON.format(url=escape(whole.all_url, quote=True), label="All alerts", colour=_PLAIN)
    body = f'<h1 style="font-size:20px">{escape(whole.headline)}</h1><ul>{items}</ul><p>{more}</p>'
    return _PAGE.format(title=escape(whole.subject), body=body)


def _colour(told: Told) -> str:
    if told.good:
        return _GOOD
    return _PLAIN if told.event in ("alert.test", "alert.acknowledged") else _BAD

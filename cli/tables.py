"""How lists and objects look on a terminal: the columns that people ask for, state as colour, shape and word."""

from __future__ import annotations

import json
from typing import Any

import yaml
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from alerts.messages.inert import inert

_STATES = {
    "up": ("●", "green"), "success": ("●", "green"), "online": ("●", "green"), "active": ("●", "green"),
    "degraded": ("▲", "yellow"), "down": ("■", "red"), "failed": ("■", "red"), "offline": ("■", "red"),
    "unknown": ("◌", "dim"), "missed": ("◌", "dim"), "paused": ("◌", "dim"), "cancelled": ("◌", "dim"),
    "skipped": ("◌", "dim"), "invited": ("◌", "cyan"),
    "sent": ("●", "green"), "pending": ("◌", "cyan"), "disabled": ("■", "red"),
    "triggered": ("■", "red"), "acknowledged": ("▲", "yellow"), "resolved": ("●", "green"), "over": ("◌", "dim"),
    "maintenance": ("◆", "blue"), "queued": ("◌", "cyan"), "running": ("◌", "cyan"),
}  # fmt: skip

COLUMNS: dict[str, tuple[str, ...]] = {
    "monitors": ("id", "name", "type", "health", "interval", "locations", "status"),
    "journeys": ("id", "name", "health", "interval", "locations", "tags", "status"),
    "steps": ("step", "type", "name", "status", "duration_ms", "error"),
    "artifacts": ("type", "step", "content_type", "size_bytes", "url"),
    "runs": ("id", "status", "location", "scheduled_at", "duration_ms", "error"),
    "probes": ("id", "name", "location", "status", "version", "last_seen_at", "running"),
    "channels": ("id", "name", "type", "status", "config"),
    "notifications": ("id", "event", "status", "channel_id", "attempts", "created_at", "last_error"),
    "alerts": ("id", "status", "severity", "title", "locations", "triggered_at", "acknowledged_by", "rule_name"),
    "rules": ("id", "name", "type", "severity", "enabled", "channels", "warnings"),
    "would-be alerts": ("check_id", "triggered_at", "resolved_at", "lasted", "runs"),
    "decisions": ("at", "outcome", "rule_id", "alert_id", "detail"),
    "maintenance windows": ("id", "name", "active", "starts_at", "ends_at", "cron", "duration", "timezone"),
    "silences": ("id", "status", "match", "ends_at", "created_by", "reason"),
    "notices": ("at", "kind", "severity", "resolved_at", "message"),
    "members": ("id", "name", "email", "role", "status", "joined_at"),
    "audit log": ("at", "actor", "action", "target", "changed", "address"),
    "usage": ("what", "used", "limit"),
    "keys": ("id", "name", "scopes", "created_at", "expires_at", "last_used_at"),
}

_WHOLE = frozenset({"id", "status", "health"})
_FIRST = {"type": 0, "name": 1}
_UNFOLDED = 10_000
_LONGEST = 5_000


def print_json(value: Any) -> None:
    """For scripts: exactly the API's data, indented."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_list(kind: str, rows: list[dict[str, Any]], meta: dict[str, Any], *, nothing: str | None = None) -> None:
    """Rows of one kind as a table; `nothing` is said when there are none."""
    console = console_of()
    if not rows:
        console.print(nothing or f"No {kind} yet.", style="dim")
        return
    columns = COLUMNS[kind]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        # An id that is cut off can't be typed into the next command: other columns give way.
        widest = max(len(str(row.get(column) or "")) for row in rows) if column in _WHOLE else None
        justify: JustifyMethod = "right" if column.endswith("_ms") else "left"
        table.add_column(column.replace("_", " "), justify=justify, min_width=widest, no_wrap=column in _WHOLE)
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    console.print(table)
    total = meta.get("total")
    if isinstance(total, int) and total > len(rows):
        console.print(f"{len(rows)} of {total}; --page shows more", style="dim")


def console_of() -> Console:
    """As wide as the terminal; off a terminal (a pipe, a file) nothing is folded or cut."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNFOLDED)


def cell(value: Any) -> Text:
    """One value as a table shows it: states with their shape, errors by their sentence, lists joined."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, str) and value in _STATES:
        shape, style = _STATES[value]
        return Text(f"{shape} {value}", style=style)
    if isinstance(value, dict):
        return Text(_shown(value.get("message") or value.get("code") or json.dumps(value)))
    if isinstance(value, bool):
        return Text("yes" if value else "no", style="" if value else "dim")
    if isinstance(value, list):
        return Text(_shown(", ".join(str(item) for item in value)))
    return Text(f"{value:.1f}" if isinstance(value, float) else _shown(value))


def _shown(text: Any) -> str:
    """On one line, with nothing in it that moves the cursor or turns the writing: names come from anywhere."""
    return inert(text, _LONGEST)


def _nested(value: dict[str, Any] | list[Any]) -> str:
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        return _shown(", ".join(str(item) for item in value))
    dumped = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=_UNFOLDED, default_flow_style=None)
    lines = dumped.splitlines()
    return "\n".join(" " * (len(line) - len(line.lstrip(" "))) + _shown(line) for line in lines)


def _without_nulls(value: Any) -> Any:
    """Inside of fields what is null says nothing to people; as JSON it is all there. What a thing is comes first:
    PostgreSQL keeps no order."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: _FIRST.get(name, len(_FIRST)))
        return {name: _without_nulls(value[name]) for name in names if value[name] is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def print_object(value: dict[str, Any]) -> None:
    """Every field of one object, nested ones as YAML: a step, an assertion is a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, given in value.items():
        item = _without_nulls(given)
        nested = isinstance(item, (dict, list)) and bool(item)
        table.add_row(name, Text(_nested(item)) if nested else cell(item or None if isinstance(item, dict) else item))
    Console().print(table)

"""What the audit log shows of each kind of thing: a kind that is to be audited is one entry here, and no route's work.

Shapes hold what people said, secrets masked as they are in the rows; state that Tracer keeps for itself is left out, so
that its changes are no events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model.secrets import MASK
from model.times import iso
from store.alert_tables import Alert, AlertChannel, AlertRule, MaintenanceWindow, Silence
from store.incident_tables import Incident
from store.journey_tables import Batch, OrganizationVariable
from store.people_tables import Membership
from store.project_tables import Project, ProjectKey
from store.status_tables import StatusPage, StatusUpdate
from store.tables import ApiKey, Check, Organization, Probe

Shape = dict[str, Any]


@dataclass(frozen=True)
class Audited:
    """`kind`: how the target is called; `shape`: what the log shows of a row. `ends`: the column that is set when
    people delete one. `secret`: (column of ciphertext, the name under which the log says that it is another one).
    `verb`: a better word than "updated" for a change, if there is one, from the fields that differ. `only`: of a kind
    that Tracer itself makes and changes all the time, the columns that people change."""

    kind: Callable[[Any], str]
    shape: Callable[[Any], Shape]
    ends: str | None = None
    secret: tuple[str, str] | None = None
    verb: Callable[[Shape, Shape], str | None] = lambda _before, _after: None
    only: tuple[str, ...] = ()


def check_kind(check: Any) -> str:
    """What people call a check."""
    return "journey" if check.kind == "browser" else "monitor"


def _definition(row: Any) -> Shape:
    return dict(row.definition)


def _channel(row: Any) -> Shape:
    return {"name": row.name, "type": row.type, "config": row.config, "disabled_reason": row.disabled_reason}


def _window(row: Any) -> Shape:
    return {
        "name": row.name, "apply_to": row.apply_to, "starts_at": iso(row.starts_ms), "ends_at": iso(row.ends_ms),
        "cron": row.cron, "duration": row.duration_s, "timezone": row.timezone, "message": row.message,
        "ended": [iso(at_ms) for at_ms in row.ended or ()],
    }  # fmt: skip


def _silence(row: Any) -> Shape:
    return {
        "match": row.match, "reason": row.reason, "created_by": row.created_by, "starts_at": iso(row.starts_ms),
        "ends_at": iso(row.ends_ms),
    }  # fmt: skip


def _key(row: Any) -> Shape:
    shown = {"name": row.name, "scopes": row.scopes, "hint": row.hint, "expires_at": iso(row.expires_ms)}
    return shown if row.projects is None else {**shown, "projects": row.projects}


def _project(row: Any) -> Shape:
    return {
        "name": row.name, "slug": row.slug, "quota": {"events": row.quota_events, "traces": row.quota_traces},
        "retention_days": row.retention_days, "repository": row.repository,
    }  # fmt: skip


def _project_key(row: Any) -> Shape:
    return {"project_id": row.project_id, "public_key": row.public_key, "server_only": row.server_only}


def _probe(row: Any) -> Shape:
    return {"name": row.name, "location": row.location, "hint": row.hint}


def _organization(row: Any) -> Shape:
    return {"name": row.name, "default_locations": row.default_locations, "notice_channels": row.notice_channels}


def _variable(row: Any) -> Shape:
    return {"name": row.name, "value": MASK}


def _batch(row: Any) -> Shape:
    return {"tag": row.tag, "metadata": row.about}


def _member(row: Any) -> Shape:
    return {"name": row.name, "email": row.email, "role": row.role, "status": row.status}


def _alert(row: Any) -> Shape:
    return {"acknowledged_by": row.acknowledged_by, "resolved_by": row.resolved_by, "notes": row.notes}


def _incident(row: Any) -> Shape:
    return {"status": row.status, "owner_id": row.owner_id}


def _status_page(row: Any) -> Shape:
    return {
        "slug": row.slug, "title": row.title, "public": row.public, "groups": row.groups, "colours": row.colours,
        "logo": None if row.logo is None else hashlib.sha256(row.logo).hexdigest(),
    }  # fmt: skip


def _status_update(row: Any) -> Shape:
    return {"page_id": row.page_id, "incident_id": row.incident_id, "status": row.status, "message": row.message}


def _of_check(_before: Shape, after: Shape) -> str | None:
    if after.keys() == {"status"}:
        return "paused" if after["status"] == "paused" else "resumed"
    return None


def _of_channel(_before: Shape, after: Shape) -> str | None:
    if after.keys() == {"disabled_reason"}:
        return "disabled" if after["disabled_reason"] is not None else "enabled"
    return None


def _of_silence(_before: Shape, after: Shape) -> str | None:
    return "ended" if after.keys() == {"ends_at"} else None


def _of_member(before: Shape, after: Shape) -> str | None:
    if before.get("status") == "invited" and after.get("status") == "active":
        return "joined"
    return "invited_again" if after.keys() == {"invitation"} else None


def _of_alert(before: Shape, after: Shape) -> str | None:
    if after.get("resolved_by") is not None:
        return "resolved"
    if after.get("acknowledged_by") is not None:
        return "acknowledged"
    if before.get("resolved_by") is not None:
        return "reopened"
    return "noted" if after.keys() == {"notes"} else None


def _called(kind: str) -> Callable[[Any], str]:
    return lambda _row: kind


AUDITED: Mapping[type[Any], Audited] = {
    Organization: Audited(_called("organization"), _organization),
    Check: Audited(check_kind, _definition, ends="deleted_ms", secret=("secrets", "secrets"), verb=_of_check),
    AlertRule: Audited(_called("rule"), _definition, ends="deleted_ms"),
    AlertChannel: Audited(
        _called("channel"), _channel, ends="deleted_ms", secret=("secrets", "secrets"), verb=_of_channel
    ),
    MaintenanceWindow: Audited(_called("maintenance_window"), _window, ends="deleted_ms"),
    Silence: Audited(_called("silence"), _silence, verb=_of_silence),
    OrganizationVariable: Audited(_called("variable"), _variable, secret=("value", "value")),
    Batch: Audited(_called("batch"), _batch),
    Alert: Audited(_called("alert"), _alert, verb=_of_alert, only=("acknowledged_by", "resolved_by", "notes")),
    Membership: Audited(_called("member"), _member, secret=("invite_hash", "invitation"), verb=_of_member),
    ApiKey: Audited(_called("key"), _key, ends="revoked_ms", secret=("key_hash", "key")),
    Project: Audited(_called("project"), _project, ends="deleted_ms", secret=("repository_token", "repository_token")),
    ProjectKey: Audited(_called("project_key"), _project_key, ends="revoked_ms"),
    Probe: Audited(_called("probe"), _probe, ends="deleted_ms", secret=("key_hash", "key")),
    Incident: Audited(_called("incident"), _incident, only=("status", "owner_id")),
    StatusPage: Audited(_called("status_page"), _status_page),
    StatusUpdate: Audited(_called("status_update"), _status_update),
}


def name_of(row: Any) -> str:
    """How people know it."""
    for column in ("name", "title", "tag", "reason", "email", "public_key", "message"):
        found = getattr(row, column, None)
        if found:
            return str(found)[:200]
    return ""


def organization_of(row: Any) -> str:
    return row.id if isinstance(row, Organization) else row.organization_id

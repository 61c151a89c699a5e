"""/monitors/:id: the page of a monitor, and how to ping one that waits for pings."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from api.access import Scope
from api.check_requests import find
from api.families import MONITOR
from api.pages.check_deeds import DONE
from api.pages.check_page import check_page
from api.pages.configuration import ping_examples
from api.pages.gate import page, visitor
from api.pages.rendering import go_to
from api.services import services
from model.ids import looks_like_id
from store.heartbeat_rows import heartbeat_of_check, ping_token
from store.tables import Heartbeat

pages = Blueprint("monitors", __name__)


@pages.get("/monitors/<monitor_id>")
@page(Scope.READ)
def monitor(monitor_id: str) -> Response:
    """One monitor. A journey's id leads to its page."""
    if looks_like_id(monitor_id, "jny"):
        return go_to(f"/journeys/{monitor_id}")
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        check = find(MONITOR, session, monitor_id)
        beat = heartbeat_of_check(session, check.id) if check.kind == "heartbeat" else None
        ping_url = f"{state.public_url}/ping/{ping_token(state.keyring, beat)}" if beat is not None else None
        return check_page(
            session,
            check,
            now_ms,
            "monitor.html",
            f"/monitors/{check.id}",
            DONE,
            beat=_beat(beat),
            ping_url=ping_url,
            examples=ping_examples(ping_url, check.definition) if ping_url and visitor().may("write") else (),
        )


def _beat(beat: Heartbeat | None) -> dict[str, Any] | None:
    """What is known of a heartbeat's pings."""
    if beat is None:
        return None
    said = (beat.body or b"").decode("utf-8", "replace").strip()[:2_000]
    return {
        "last_ms": beat.last_ping_ms, "deadline_ms": beat.deadline_ms, "started_ms": beat.started_ms, "said": said,
    }  # fmt: skip

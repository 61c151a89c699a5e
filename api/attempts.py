"""How often one address may try to get in, by a password, a key, or a link: what is tried can't be guessed, this keeps
those who try from costing anything. And how often an organization may invite: each invitation may be a mail to somebody
who did not ask for it."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app, request

from api.errors import RateLimited
from api.pings import Rate
from store.key_addresses import neighbourhood

PER_MINUTE = 10
INVITATIONS_A_MINUTE = 20
NOTED_PER_MINUTE = 60
"""Refused sign-ins that a process writes into the audit log, from wherever they come: nobody fills it from outside."""
_ATTEMPTS = "tracer.sign_in_attempts"
_INVITATIONS = "tracer.invitations"
_NOTED = "tracer.refused_sign_ins_noted"


def install(app: Flask) -> None:
    """What the app remembers of attempts."""
    app.extensions[_ATTEMPTS] = Rate(per_minute=PER_MINUTE)
    app.extensions[_INVITATIONS] = Rate(per_minute=INVITATIONS_A_MINUTE)
    app.extensions[_NOTED] = Rate(per_minute=NOTED_PER_MINUTE)


def count_attempt() -> None:
    """Count one more of this request's address. RateLimited with the seconds to wait."""
    wait_s = cast(Rate, current_app.extensions[_ATTEMPTS]).take(neighbourhood(request.remote_addr or ""))
    if wait_s:
        raise RateLimited(f"More than {PER_MINUTE} sign-ins a minute from your address: wait {wait_s} s", wait_s)


def count_invitation(organization_id: str) -> None:
    """Count one more of this organization. RateLimited with the seconds to wait."""
    wait_s = cast(Rate, current_app.extensions[_INVITATIONS]).take(organization_id)
    if wait_s:
        raise RateLimited(f"More than {INVITATIONS_A_MINUTE} invitations a minute: wait {wait_s} s", wait_s)


def may_note_refusal() -> bool:
    """Whether one more refused sign-in may stand in the audit log; what comes in thicker is on our log lines."""
    return not cast(Rate, current_app.extensions[_NOTED]).take("")

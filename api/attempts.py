"""How often one address may try to get in, by a password, a key, or a link: what is tried can't be guessed, this keeps
those who try from costing anything. And how often an organization may invite: each invitation may be a mail to somebody
who did not ask for it."""

from __future__ import annotations

import ipaddress
from typing import cast

from flask import Flask, current_app, request

from api.errors import RateLimited
from api.pings import Rate

PER_MINUTE = 10
INVITATIONS_A_MINUTE = 20
_ATTEMPTS = "tracer.sign_in_attempts"
_INVITATIONS = "tracer.invitations"


def install(app: Flask) -> None:
    """What the app remembers of attempts."""
    app.extensions[_ATTEMPTS] = Rate(per_minute=PER_MINUTE)
    app.extensions[_INVITATIONS] = Rate(per_minute=INVITATIONS_A_MINUTE)


def count_attempt() -> None:
    """Count one more of this request's address. RateLimited with the seconds to wait."""
    wait_s = cast(Rate, current_app.extensions[_ATTEMPTS]).take(_neighbourhood(request.remote_addr or ""))
    if wait_s:
        raise RateLimited(f"More than {PER_MINUTE} sign-ins a minute from your address: wait {wait_s} s", wait_s)


def count_invitation(organization_id: str) -> None:
    """Count one more of this organization. RateLimited with the seconds to wait."""
    wait_s = cast(Rate, current_app.extensions[_INVITATIONS]).take(organization_id)
    if wait_s:
        raise RateLimited(f"More than {INVITATIONS_A_MINUTE} invitations a minute: wait {wait_s} s", wait_s)


def _neighbourhood(address: str) -> str:
    """Who shares a limit: an IPv4 address, or the /64 that an IPv6 host may pick addresses from at will."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)

"""The token of the operator's own servers (seed 002): what it opens opens to no key, no sign-in and no other token."""

from __future__ import annotations

import hmac

from flask import request

from api.access import bearer_token
from api.actors import act_as_holder
from api.errors import Forbidden, Unauthorized
from api.services import services
from api.session_cookie import session_token


def hold_server() -> None:
    """Whether it is such a server that asks. Unauthorized where nothing is shown, Forbidden where it is anything else:
    who holds a good key of another kind learns that it is not enough, and no more."""
    if "Authorization" not in request.headers and session_token() is None:
        raise Unauthorized("This needs TRACER_INTERNAL_TOKEN, as Authorization: Bearer …")
    wanted, shown = services().settings.internal_token, bearer_token()
    if not (wanted and shown and hmac.compare_digest(shown.encode(), wanted.encode())):
        raise Forbidden("This is for servers that hold TRACER_INTERNAL_TOKEN: no API key and no sign-in opens it")
    act_as_holder("TRACER_INTERNAL_TOKEN")

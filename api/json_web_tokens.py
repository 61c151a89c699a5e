"""Who a JSON Web Token says that somebody is (seed 002): a person of the console, with the rights of a member.

Tracer makes none. It believes those that are signed with `TRACER_JWT_SECRET` (HS256), or with a key that
`TRACER_JWKS_URL` lists, are for `TRACER_JWT_AUDIENCE`, and have not ended.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import jwt
from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientError, PyJWTError

from api.access import Caller, Scope, whole
from api.errors import Forbidden, Unauthorized, Unavailable
from api.services import services
from model.people import SCOPES_OF, Role
from store.organizations import get_organization

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)
_LONGEST = 8_192
_BY_SECRET, _BY_KEY_SET = ("HS256",), ("RS256", "ES256", "EdDSA")
_CLAIMS = ("exp", "sub", "aud", "workspace_id")
_PATIENCE_S = 5
_LEEWAY_S = 10
"""Clocks differ."""
_LATEST_S = 253_402_300_799


def is_json_web_token(text: str) -> bool:
    """Whether it looks like one: three parts with points between. Keys have none."""
    return len(text) <= _LONGEST and _SHAPE.fullmatch(text) is not None


def bearer_of(token: str) -> Caller:
    """Who it speaks for. Unauthorized when it is not good; Forbidden when its workspace is none of ours; Unavailable
    while the set of keys can't be read."""
    claims = _claims(token)
    workspace = claims["workspace_id"]
    known = None
    if isinstance(workspace, str) and len(workspace) <= 40 and workspace.isascii() and workspace.isprintable():
        with services().database.read(workspace) as session:
            known = get_organization(session, workspace)
    if known is None:
        raise Forbidden("This token's workspace_id is none of the workspaces here")
    called = claims.get("email") or claims["sub"]
    scopes = whole(SCOPES_OF[Role.MEMBER]) | {Scope.INGEST}
    return Caller(
        known.id, None, scopes, str(called)[:200], role=str(Role.MEMBER), subject=str(claims["sub"])[:200],
        until_ms=int(claims["exp"]) * 1000,
    )  # fmt: skip


def _claims(token: str) -> dict[str, Any]:
    settings = services().settings
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
        if settings.jwt_secret and algorithm in _BY_SECRET:
            key: Any = settings.jwt_secret
        elif settings.jwks_url and algorithm in _BY_KEY_SET:
            key = _key_set(settings.jwks_url).get_signing_key_from_jwt(token).key
        else:
            raise Unauthorized(f"Tokens signed by {str(algorithm)[:20]!r} are not taken here")
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], audience=settings.jwt_audience, leeway=_LEEWAY_S,
            options={"require": list(_CLAIMS)},
        )  # fmt: skip
    except jwt.PyJWKClientConnectionError:
        raise Unavailable("The keys of TRACER_JWKS_URL can't be read now") from None
    except (PyJWTError, PyJWKClientError, ValueError) as error:
        raise Unauthorized(f"This token is not good: {error}") from None
    ends = claims["exp"]
    if isinstance(ends, bool) or not isinstance(ends, int | float) or ends > _LATEST_S:
        raise Unauthorized("This token is not good: exp must be a number of seconds since 1970, before the year 10000")
    return claims


@lru_cache(maxsize=4)
def _key_set(url: str) -> PyJWKClient:
    return PyJWKClient(url, cache_keys=True, timeout=_PATIENCE_S)

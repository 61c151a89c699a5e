"""What a request shows of who reports: the public key of a project, in whichever place an SDK puts it, and what it
takes to be let in with it."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from flask import request

from api.access import Scope, act_as_caller, bearer_token, identify
from api.errors import Forbidden, Unauthorized
from api.reporters import Reporter


class Shown(NamedTuple):
    """What a request shows: a key, and the project it says it is for."""

    key: str | None
    project: str | None


def shown() -> Shown:
    """What this request shows, and where: `X-CodeRadar-Auth`, `X-Open-Sentry-Key`, `?key=`, or as Basic user name."""
    words = {}
    for part in request.headers.get("X-CodeRadar-Auth", "").split(","):
        name, _, value = part.strip().partition("=")
        words[name.strip().lower()] = value.strip().strip('"')
    key = words.get("dsn") or words.get("key")
    for name in ("X-Open-Sentry-Key", "X-Sentry-Clone-Key"):
        key = key or request.headers.get(name)
    key = key or request.args.get("key") or _user_name()
    return Shown(_key_of_dsn(key) if key else None, words.get("project") or request.args.get("project"))


def admit(reporter: Reporter, project: str | None) -> None:
    """Forbidden when the project named is another than the key's, whether there is one or not; for a key that is for
    servers alone, Unauthorized or Forbidden without an API key that may ingest, which then acts."""
    if project is not None and project not in (str(reporter.number), reporter.slug, reporter.project_id):
        raise Forbidden("This key is not of the project that is named beside it")
    if not reporter.server_only:
        return
    if bearer_token() is None:
        raise Unauthorized("This key is for servers alone: send an API key with the scope ingest as well")
    found = identify()
    ours = found.organization_id == reporter.organization_id and found.may_see(reporter.project_id)
    if not ours or not found.may(Scope.INGEST):
        raise Forbidden("This API key may not send to the project")
    act_as_caller(found)


def _user_name() -> str | None:
    """Of `https://KEY@host/…`, as clients send it."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, ValueError):
        return None


def _key_of_dsn(text: str) -> str:
    """The key itself, or the DSN that it stands in."""
    return text.partition("://")[2].partition("@")[0].partition(":")[0] if "://" in text else text

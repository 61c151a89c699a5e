"""Who may do what: keys and people, their scopes, and one declaration per route that no route can be without.

A route says what it `needs`: a Scope, or OPEN, or its own way of telling who calls (OWN: probe keys, ping tokens,
metrics), or SERVER. A request to a route that says nothing is refused, so forgetting is loud and never open.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import structlog
from flask import Flask, current_app, g, request

from api.actors import act_as_holder, act_as_key, act_as_person
from api.attempts import trying_key
from api.errors import Forbidden, Unauthorized
from api.services import services
from api.session_cookie import session_token
from model.keys import API_KEY, mistyped
from model.people import SCOPES_OF, Role
from store.api_keys import authenticate
from store.sessions import EVERY_ORGANIZATION
from store.tables import ApiKey
from store.web_sessions import Holder, SignedIn, web_session_of

_log = structlog.get_logger(__name__)
_View = TypeVar("_View", bound=Callable[..., Any])


class Scope(StrEnum):
    """What a key may be allowed to do (CONTRACT, "People")."""

    READ = "read"
    RUN = "run"
    WRITE = "write"
    INGEST = "ingest"
    ADMIN = "admin"


@dataclass(frozen=True)
class _Rule:
    name: str


OPEN: Final = _Rule("open")
"""Anyone may: documentation, health."""
OWN: Final = _Rule("own")
"""The handler tells callers apart itself, by something that is not an API key."""
SERVER: Final = _Rule("server")
"""TRACER_INTERNAL_TOKEN, and nothing else (api/internal_token.py)."""
Needs = Scope | _Rule

_ALSO: dict[Scope, frozenset[Scope]] = {
    Scope.READ: frozenset(),
    Scope.RUN: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ}),
    Scope.INGEST: frozenset(),
    Scope.ADMIN: frozenset({Scope.READ, Scope.RUN, Scope.WRITE}),
}
"""`run` and `write` include `read`; `admin` includes all but `ingest`."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from, in one organization: a key, or a person who signed in (then `key_id` is None, and
    `role` says what they are there). `called` is how people know it. `session_id`: of the sign-in, if there was one.
    `projects`: ids of those whose errors and traces it may see, None for all. `subject`: whose JSON Web Token it is,
    and `until_ms`: when that ends."""

    organization_id: str
    key_id: str | None
    scopes: frozenset[Scope]
    called: str = ""
    person_id: str | None = None
    role: str | None = None
    session_id: str | None = None
    projects: frozenset[str] | None = None
    subject: str | None = None
    until_ms: int | None = None

    @property
    def name(self) -> str:
        """What is written beside what they did."""
        return self.called or self.key_id or self.person_id or ""

    @property
    def holder(self) -> Holder:
        """Whose sessions are theirs."""
        return Holder(self.person_id, self.key_id)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def may_see(self, project_id: str) -> bool:
        """Whether a project of the organization is open to it."""
        return self.projects is None or project_id in self.projects

    def lacks(self, scope: Scope) -> Forbidden:
        """Why it may not, for the caller to read."""
        if self.role is not None:
            return Forbidden(f"Your role here, {self.role}, does not have the scope {scope.value!r}")
        return Forbidden(f"This key does not have the scope {scope.value!r}")


def whole(scopes: Iterable[str]) -> frozenset[Scope]:
    """Scopes as given -> with all that they include."""
    given = {Scope(scope) for scope in scopes}
    return frozenset(given.union(*(_ALSO[scope] for scope in given)))


def needs(rule: Needs) -> Callable[[_View], _View]:
    """Declare what a view needs. Views of Routes say it there; plain Flask views wear this."""

    def declare(view: _View) -> _View:
        view.needs = rule  # type: ignore[attr-defined]
        return view

    return declare


def for_pages_too(view: _View) -> _View:
    """Let a browser use this route by its sign-in, where no key is shown: for what our pages' scripts read. It must
    change nothing: there is no form's token to tell our pages from others'."""
    view.for_pages_too = True  # type: ignore[attr-defined]
    return view


def for_tokens_too(view: _View) -> _View:
    """Let who shows a JSON Web Token in place of a key use this route (seed 002)."""
    view.for_tokens_too = True  # type: ignore[attr-defined]
    return view


def rule_of(view: Callable[..., Any]) -> Needs | None:
    """What a view declared; None if it declared nothing."""
    return getattr(view, "needs", None)


def caller() -> Caller:
    """The caller of this request. Only views that need a scope have one."""
    found = g.get("caller")
    if not isinstance(found, Caller):
        raise Unauthorized("This needs an API key")
    return found


def bearer_token() -> str | None:
    """The token of `Authorization: Bearer …`, or None when the header says something else or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token else None


def identify() -> Caller:
    """The key's owner, or who signed in. Unauthorized when there is no key, or it is unknown, revoked or expired;
    RateLimited where many such keys come from."""
    token = bearer_token()
    if token is None:
        raise Unauthorized("This needs an API key: Authorization: Bearer trk_…")
    refuse_mistyped(token)
    with trying_key(token):
        return _owner_of(token)


def identify_browser() -> Caller:
    """Who this browser is signed in as. A page that is left open is nobody at the keyboard, so this is no use of it.
    Unauthorized."""
    token = session_token()
    found, _ = sign_in_of(token) if token is not None else (None, 0)
    if found is None:
        raise Unauthorized("This needs an API key: Authorization: Bearer trk_…; or, in a browser, a sign-in")
    return caller_of(found)


def sign_in_of(token: str) -> tuple[SignedIn | None, int]:
    """Who a browser with this cookie is signed in as, if at all, and the database's time at that look."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        return web_session_of(session, state.keyring, token, now_ms), now_ms


def refuse_mistyped(key: str) -> None:
    """Unauthorized for a key of our own shape whose checksum is wrong, without asking the store. The key that somebody
    chose for TRACER_API_KEY may look as it likes."""
    chosen = services().settings.api_key or ""
    if mistyped(key, API_KEY) and not hmac.compare_digest(key.encode(), chosen.encode()):
        raise Unauthorized("This API key has a typing error: its end does not fit the rest. Copy it again")


def _owner_of(token: str) -> Caller:
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        key = authenticate(session, state.keyring, token, now_ms)
        found = web_session_of(session, state.keyring, token, now_ms) if key is None else None
    if key is not None:
        state.uses.note_key(key.id, now_ms, request.remote_addr)
        return Caller(key.organization_id, key.id, whole(key.scopes), key.name, projects=projects_of(key))
    if found is None:
        raise Unauthorized("This API key is unknown, revoked or expired")
    state.uses.note_web_session(found.row.token_hash, now_ms)
    return caller_of(found)


def caller_of(found: SignedIn) -> Caller:
    """Who signed in: what a key may, or what the role of the person allows in the organization that they are in."""
    row, key, person, member = found
    if person is not None and member is not None:
        scopes = whole(SCOPES_OF[Role(member.role)])
        return Caller(row.organization_id, None, scopes, person.name, person.id, member.role, row.id)
    if key is None:
        raise Unauthorized("This sign-in is over")
    scopes = whole(key.scopes)
    return Caller(row.organization_id, key.id, scopes, key.name, session_id=row.id, projects=projects_of(key))


def projects_of(key: ApiKey) -> frozenset[str] | None:
    """Those that a key is for; None: all."""
    return None if key.projects is None else frozenset(key.projects)


def act_as_caller(found: Caller) -> None:
    """What this request changes is their doing."""
    if found.person_id is not None:
        act_as_person(found.person_id, found.name)
    elif found.key_id is not None:
        act_as_key(found.key_id, found.name)
    elif found.subject is not None:
        act_as_holder(f"{found.name}, by a token")


def bind_to_log(found: Caller) -> None:
    """Who asks, on every log line of this request."""
    who = {"key_id": found.key_id} if found.key_id is not None else {"person_id": found.person_id or found.subject}
    structlog.contextvars.bind_contextvars(organization_id=found.organization_id, **who)


def _caller_of_view(view: Callable[..., Any]) -> Caller:
    if getattr(view, "for_pages_too", False) and "Authorization" not in request.headers:
        return identify_browser()
    return identify_bearer() if getattr(view, "for_tokens_too", False) else identify()


def identify_bearer() -> Caller:
    """As `identify`, or whom a JSON Web Token speaks for. The same errors, and those of api/json_web_tokens.py."""
    from api.json_web_tokens import bearer_of, is_json_web_token  # most requests need none of it

    token = bearer_token()
    return bearer_of(token) if token is not None and is_json_web_token(token) else identify()


def install(app: Flask) -> None:
    """Hold every request to what its route declared, before anything of it is read."""

    @app.before_request
    def hold() -> None:
        if request.endpoint is None:
            return  # no such address: 404 or 405 follows
        view = current_app.view_functions[request.endpoint]
        rule = rule_of(view)
        if rule is None:
            _log.error("api.route_without_declared_need", endpoint=request.endpoint)
            raise Forbidden("This address is closed")
        if rule is SERVER:
            from api.internal_token import hold_server  # most requests need none of it

            hold_server()
        if isinstance(rule, Scope):
            found = _caller_of_view(view)
            g.caller = found
            act_as_caller(found)
            bind_to_log(found)
            if not found.may(rule):
                raise found.lacks(rule)

"""Who acts in a request, as the audit log will name them: a key once it is known, until then nobody in particular."""

from __future__ import annotations

from typing import Final

from flask import Flask, g, request

from store.acting import Actor, act_as, stop_acting

_NOBODY: Final = "not signed in"


def act_as_key(key_id: str, name: str) -> None:
    """The rest of this request is the doing of whoever holds this key."""
    act_as(_here(Actor("key", key_id, name)))


def act_as_person(person_id: str, name: str) -> None:
    """The rest of this request is the doing of this person."""
    act_as(_here(Actor("person", person_id, name)))


def act_as_holder(what: str) -> None:
    """The rest of this request is the doing of whoever holds this, such as a link: nobody knows who that is."""
    act_as(_here(Actor("person", None, what)))


def install(app: Flask) -> None:
    """A request begins as nobody's, so that what it does is never taken for Tracer's own doing. After api.requests,
    which gives it its id."""

    @app.before_request
    def begin() -> None:
        act_as_holder(_NOBODY)

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        stop_acting()


def _here(who: Actor) -> Actor:
    """With where the request comes from: behind a trusted proxy, what that says of it."""
    return who._replace(address=(request.remote_addr or "")[:64] or None, request_id=g.get("request_id"))

"""Getting in and out: a session for whoever proves to be a person, or to hold a key. Pages and REST share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from api.access import Scope, refuse_mistyped, whole
from api.actors import act_as_key, act_as_person
from api.attempts import count_attempt, may_note_refusal
from api.errors import Conflict, Forbidden, Invalid, Unauthorized, Unavailable
from api.services import services
from model.people import refuse_email
from store.api_keys import authenticate
from store.passwords import BusyError, hash_password, verify_password
from store.people import find_person, get_person, places_of, set_password
from store.people_tables import Person
from store.sessions import EVERY_ORGANIZATION
from store.sign_ins import note_refused_key, note_refused_person
from store.web_sessions import From, Holder, begin_web_session, end_other_sessions, end_web_session, is_known_here
from store.write_lock import Urgency

MAX_KEY = 500
WRONG = "This email and password do not belong together"
"""Said of an email that nobody has, too: who is a member here is not for strangers to learn."""


def sign_in(email: str, password: str, former: str | None = None) -> str:
    """The token of a new session, for the right password; `former`: the token of one that ends with it. Unauthorized,
    RateLimited, Unavailable."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        known = is_known_here(session, state.keyring, email, request.remote_addr or "", former, now_ms)
    count_attempt(None if known else email)
    person = proven(email, password)
    act_as_person(person.id, person.name)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        places = places_of(session, person.id)
        same = get_person(session, person.id, lock=True)
        if not places or same is None or same.password_hash != person.password_hash:
            raise Unauthorized(WRONG)  # it was changed, or they were removed, between the look and now
        if former is not None:
            end_web_session(session, state.keyring, former)
        return begin_web_session(session, state.keyring, places[0][0], now_ms, whence())


def sign_in_with_key(text: str, former: str | None = None) -> str:
    """The token of a new session that may do what the key may. Unauthorized, Forbidden, RateLimited."""
    refuse_mistyped(text)
    count_attempt()
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        key = authenticate(session, state.keyring, text, now_ms) if len(text) <= MAX_KEY else None
    if key is None:
        _note_refused_key(text, "unknown, revoked or expired")
        raise Unauthorized("This API key is unknown, revoked or expired")
    act_as_key(key.id, key.name)
    if Scope.READ not in whole(key.scopes):
        _note_refused_key(text, "may not read")
        raise Forbidden(f"The key {key.name!r} may not read anything: use one with the scope 'read'")
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        if former is not None:
            end_web_session(session, state.keyring, former)
        return begin_web_session(session, state.keyring, key, now_ms, whence())


def proven(email: str, password: str) -> Person:
    """The person with this email, if that is the password. Unauthorized, alike and as late for who is unknown."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        person = find_person(session, email)
    with _patience():
        verdict = verify_password(None if person is None else person.password_hash, password)
        if person is None or not verdict.right:
            _note_refused_person(email)
            raise Unauthorized(WRONG)
        if verdict.outdated:
            _renew_hash(person, hash_password(password))
    return person


def hashed(password: str) -> str:
    """What is stored of a new password. Unavailable."""
    with _patience():
        return hash_password(password)


def change_password(person_id: str, session_id: str | None, given: str, wanted: str) -> None:
    """Another password, for who knows the one there is; it signs them out everywhere but here. Forbidden (it is not the
    password), Invalid, RateLimited, Unavailable."""
    count_attempt()
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        person = get_person(session, person_id)
    with _patience():
        if person is None or not verify_password(person.password_hash, given).right:
            raise Forbidden("This is not your password")
        try:
            refuse_email(wanted, person.email)
        except ValueError as error:
            raise Invalid({"new_password": [str(error)]}) from None
        fresh = hash_password(wanted)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        same = get_person(session, person_id, lock=True)
        if same is None or same.password_hash != person.password_hash:
            raise Conflict("Your password was changed in another place just now: sign in again")
        set_password(session, same, fresh, state.database.now_ms(session))
        end_other_sessions(session, Holder(person_id, None), session_id)


def whence() -> From:
    """What this request says of where it comes from."""
    return From(request.remote_addr or "", request.headers.get("User-Agent", ""))


def _note_refused_key(presented: str, reason: str) -> None:
    state = services()
    if may_note_refusal():
        with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            note_refused_key(session, state.keyring, presented[:MAX_KEY], reason)


def _note_refused_person(email: str) -> None:
    if may_note_refusal():
        with services().database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            note_refused_person(session, email, "wrong password")


def _renew_hash(person: Person, fresh: str) -> None:
    """The library hashes better than it did: the same password, kept better."""
    with services().database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        same = get_person(session, person.id, lock=True)
        if same is not None and same.password_hash == person.password_hash:
            same.password_hash = person.password_hash = fresh


@contextmanager
def _patience() -> Iterator[None]:
    try:
        yield
    except BusyError:
        raise Unavailable("Many people are signing in: try again in a moment", retry_after_s=2) from None

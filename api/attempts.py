"""How often somebody may try to get in, by a password, a key, or a link: what is tried can't be guessed, this keeps
those who try from costing anything. And how often an organization may invite, or try its channels: each may be a
message to somebody who did not ask for it.

Nobody is locked out by a stranger who types their email: the pause is half a minute at most, and a browser that they
are signed in with, or an address that they are signed in from, does not have it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, cast

from flask import Flask, current_app, request

from api.errors import Unauthorized
from api.limits import Limits, wrong_key
from api.pings import Rate
from api.services import services_of
from store.key_addresses import neighbourhood
from store.rate_limits import Limit, Use

SIGN_INS: Final = Limit("sign-in", "sign-ins from your address", 10, 60)
SIGN_INS_BY_EMAIL: Final = Limit("email", "sign-ins with this email", 10, 30)
CHANNEL_TESTS: Final = Limit("channel-test", "tests of channels", 10, 60)
SUBSCRIPTIONS: Final = Limit("subscription", "subscriptions from your address", 5, 60)
SUBSCRIPTIONS_OF_A_PAGE: Final = Limit("page-subscription", "subscriptions to this page", 120, 60)
INVITATIONS: Final = Limit("invitation", "invitations", 20, 60)
TRIES: Final = Limit("try", "drafts tried out", 60, 60)
QUERIES: Final = Limit("query", "queries with this token", 60, 60)
NOTED_PER_MINUTE = 60
"""Refused sign-ins that a process writes into the audit log, from wherever they come: nobody fills it from outside."""
GOOD_KEYS = 10_000
_ATTEMPTS = "tracer.attempts"


class Attempts:
    """What one process knows of them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.noted = Rate(per_minute=NOTED_PER_MINUTE)
        self._lock = threading.Lock()
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def was_good(self, key: str) -> bool:
        """Whether this key has opened something lately: its holder does not wait for others' guesses."""
        return _digest(key) in self._good

    def note_bad(self, key: str) -> None:
        """This key opens nothing, or nothing any more."""
        with self._lock:
            self._good.pop(_digest(key), None)

    def note_good(self, key: str) -> None:
        """This key opens something. Kept as a hash."""
        digest = _digest(key)
        with self._lock:
            self._good[digest] = None
            self._good.move_to_end(digest)
            if len(self._good) > GOOD_KEYS:
                self._good.popitem(last=False)


def install(app: Flask, now: Callable[[], float] = time.monotonic) -> None:
    """What the app remembers of attempts. After its services. `now`: seconds."""
    state = services_of(app)
    app.extensions[_ATTEMPTS] = Attempts(Limits(state.database, state.keyring, now))


def count_attempt(email: str | None = None) -> None:
    """Count one more of this request's address, and of this email unless it comes from where its owner is known.
    RateLimited with the seconds to wait."""
    by_email = [] if email is None else [Use(SIGN_INS_BY_EMAIL, email)]
    _attempts().limits.count(Use(SIGN_INS, _address()), *by_email)


def count_email(email: str) -> None:
    """Count one more of this email, when the address has been counted. RateLimited."""
    _attempts().limits.count(Use(SIGN_INS_BY_EMAIL, email))


def count_invitation(organization_id: str) -> None:
    """Count one more of this organization. RateLimited with the seconds to wait."""
    _attempts().limits.count(Use(INVITATIONS, organization_id))


def count_channel_test(organization_id: str) -> None:
    """Count one more of this organization: a test is a message to somebody, asked for by a click. RateLimited."""
    _attempts().limits.count(Use(CHANNEL_TESTS, organization_id))


def count_subscription(page_id: str) -> None:
    """Count one more of this request's address, and of this page: each is a mail to somebody. RateLimited."""
    _attempts().limits.count(Use(SUBSCRIPTIONS, _address()), Use(SUBSCRIPTIONS_OF_A_PAGE, page_id))


def count_try(organization_id: str) -> None:
    """Count one more of this organization: a draft is run by a click. RateLimited."""
    _attempts().limits.count(Use(TRIES, organization_id))


def count_query(token: str) -> None:
    """Count one more look at telemetry by this token: a key's id, or a sign-in's. RateLimited."""
    _attempts().limits.count(Use(QUERIES, token))


@contextmanager
def trying_key(key: str) -> Iterator[None]:
    """Around the look at a key: one that opens nothing is counted, and where many of those come from, only keys that
    were good before are looked at. RateLimited in place of Unauthorized."""
    attempts, address = _attempts(), request.remote_addr or ""
    if not attempts.was_good(key):
        attempts.limits.refuse(wrong_key(address))
    try:
        yield
    except Unauthorized:
        attempts.note_bad(key)
        attempts.limits.count_wrong_key(address)
        raise
    attempts.note_good(key)


def may_note_refusal() -> bool:
    """Whether one more refused sign-in may stand in the audit log; what comes in thicker is on our log lines."""
    return not _attempts().noted.take("")


def _attempts() -> Attempts:
    return cast(Attempts, current_app.extensions[_ATTEMPTS])


def _address() -> str:
    return neighbourhood(request.remote_addr or "")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()

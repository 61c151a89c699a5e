"""Notes of uses: in memory at once, in the store together, never backwards, and not lost to a store that is away."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from model.times import DAY_MS, HOUR_MS
from store.api_keys import NewApiKey, create_api_key
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey, WebSession
from store.uses import Uses
from store.web_sessions import begin_web_session
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.auditing import events


@pytest.fixture
def key(database: Database, keyring: Keyring, organization: str, clock: Clock) -> ApiKey:
    """A key that nobody has used, with one browser signed in."""
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        made, _ = create_api_key(session, keyring, NewApiKey(organization, "CI", ("read",)), clock.now_ms)
        begin_web_session(session, keyring, made, clock.now_ms)
    return made


def stored(database: Database) -> tuple[ApiKey, WebSession]:
    with database.read(EVERY_ORGANIZATION) as session:
        return session.scalars(select(ApiKey)).one(), session.scalars(select(WebSession)).one()


def test_a_use_is_known_at_once_and_stored_when_the_notes_are_written(
    database: Database, key: ApiKey, clock: Clock
) -> None:
    uses, begun_ms = Uses(), clock.now_ms
    assert uses.last_used_ms(key) is None
    clock.advance(1000)
    uses.note_key(key.id, clock.now_ms)
    uses.note_web_session(stored(database)[1].token_hash, clock.now_ms)
    assert uses.last_used_ms(key) == clock.now_ms
    assert (stored(database)[0].last_used_ms, stored(database)[1].seen_ms) == (None, begun_ms)
    uses.write(database)
    row, browser = stored(database)
    assert (row.last_used_ms, browser.seen_ms) == (clock.now_ms, clock.now_ms)
    assert browser.expires_ms == clock.now_ms + 12 * HOUR_MS
    assert uses.last_used_ms(row) == clock.now_ms


def test_a_browser_in_use_ends_after_seven_days(database: Database, key: ApiKey, clock: Clock) -> None:
    uses, begun_ms = Uses(), clock.now_ms
    clock.advance(7 * DAY_MS - HOUR_MS)
    uses.note_web_session(stored(database)[1].token_hash, clock.now_ms)
    uses.write(database)
    assert stored(database)[1].expires_ms == begun_ms + 7 * DAY_MS


def test_another_process_that_noted_an_earlier_use_moves_nothing_back(
    database: Database, key: ApiKey, clock: Clock
) -> None:
    early, late, token_hash = Uses(), Uses(), stored(database)[1].token_hash
    for uses in (early, late):
        clock.advance(1000)
        uses.note_key(key.id, clock.now_ms)
        uses.note_web_session(token_hash, clock.now_ms)
    late.write(database)
    early.write(database)
    row, browser = stored(database)
    assert (row.last_used_ms, browser.seen_ms) == (clock.now_ms, clock.now_ms)
    assert early.last_used_ms(row) == clock.now_ms


def test_notes_that_could_not_be_written_are_written_the_next_time(
    database: Database, key: ApiKey, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses, token_hash = Uses(), stored(database)[1].token_hash

    def away(*_: object) -> None:
        clock.advance(1000)
        uses.note_key(key.id, clock.now_ms)  # while they are being written
        raise OperationalError("UPDATE", {}, Exception("away"))

    clock.advance(1000)
    uses.note_key(key.id, clock.now_ms)
    uses.note_web_session(token_hash, clock.now_ms)
    first_ms = clock.now_ms
    with monkeypatch.context() as broken:
        broken.setattr("store.uses.touch_api_key", away)
        with pytest.raises(OperationalError):
            uses.write(database)
    assert stored(database)[0].last_used_ms is None
    uses.write(database)
    row, browser = stored(database)
    assert (row.last_used_ms, browser.seen_ms) == (first_ms + 1000, first_ms)


def test_a_key_used_from_an_address_for_the_first_time_is_an_event(
    database: Database, key: ApiKey, clock: Clock
) -> None:
    past, used_ms = len(events(database)), clock.now_ms
    first, second = Uses(), Uses()  # two processes that know nothing of each other
    first.note_key(key.id, used_ms, "203.0.113.7")
    clock.advance(30_000)
    for uses in (first, second, first):
        uses.note_key(key.id, clock.now_ms, "203.0.113.7")
        uses.note_key(key.id, clock.now_ms, "2001:db8::1")
        uses.note_key(key.id, clock.now_ms, "2001:db8::2")
        uses.write(database)
    found = {event.address: event for event in events(database, past=past)}
    assert found.keys() == {"203.0.113.7", "2001:db8::1"}, "hosts of one /64 count as one"
    event = found["203.0.113.7"]
    assert (event.action, event.target_id, event.actor_kind, event.actor_id) == (
        "key.new_address", key.id, "key", key.id,
    )  # fmt: skip
    assert event.at_ms == used_ms


def test_a_probes_key_used_from_another_address_is_an_event(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        probe, _ = register_probe(session, keyring, organization, ("frankfurt-1", "eu-west"), clock.now_ms)
    past, uses = len(events(database)), Uses()
    for address in ("203.0.113.7", "203.0.113.7", "198.51.100.9"):
        uses.note_probe(probe.id, clock.now_ms, address)
        uses.write(database)
    told = [(event.action, event.actor_kind, event.target_name, event.address) for event in events(database, past=past)]
    assert told == [("probe.new_address", "probe", "frankfurt-1", at) for at in ("203.0.113.7", "198.51.100.9")]


def test_an_address_that_could_not_be_written_is_written_the_next_time(
    database: Database, key: ApiKey, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, uses = len(events(database)), Uses()
    uses.note_key(key.id, clock.now_ms, "203.0.113.7")
    with monkeypatch.context() as patched:
        patched.setattr("store.uses.note_addresses", _fail)
        with pytest.raises(OperationalError):
            uses.write(database)
    assert events(database, past=past) == []
    uses.write(database)
    assert [event.action for event in events(database, past=past)] == ["key.new_address"]


def _fail(*_: object) -> None:
    raise OperationalError("", {}, Exception("the database is away"))

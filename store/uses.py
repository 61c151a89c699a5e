"""When keys and signed-in browsers were last used, and keys from where: noted in memory by whoever reads, written once
a minute by a writer.

Reading never waits for the database's one writer, so the note of a use can't be a write of the request's own. What a
crash loses is the last minute's notes: `last_used_ms` stands a minute back, a browser's end comes a minute sooner.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from store.api_keys import touch_api_key
from store.key_addresses import KeyUse, note_addresses
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.web_sessions import touch_web_session
from store.write_lock import Urgency

PLACES = 10_000
"""How many (key, address) a process keeps in mind, and how many new ones it writes a minute: what it has forgotten is
asked of the table again."""


class Uses:
    """Of one process; threads may share it. It holds no more than the keys and sessions used in a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, int] = {}
        self._web_sessions: dict[str, int] = {}
        self._places: dict[KeyUse, int] = {}
        self._known: set[KeyUse] = set()

    def note_key(self, key_id: str, now_ms: int, address: str | None = None) -> None:
        """Somebody showed this key, and it was good; `address`: from there."""
        with self._lock:
            self._keys[key_id] = now_ms
            if address:
                self._note_place((key_id, address), now_ms)

    def note_probe(self, probe_id: str, now_ms: int, address: str) -> None:
        """Somebody at this address showed the key of this probe, and it was good."""
        with self._lock:
            self._note_place((probe_id, address), now_ms)

    def note_web_session(self, token_hash: str, now_ms: int) -> None:
        """A signed-in browser opened a page."""
        with self._lock:
            self._web_sessions[token_hash] = now_ms

    def last_used_ms(self, key: ApiKey) -> int | None:
        """Of a key, with what this process has noted and not written yet."""
        noted_ms = self._keys.get(key.id)
        return noted_ms if key.last_used_ms is None else max(key.last_used_ms, noted_ms or 0)

    def _note_place(self, use: KeyUse, now_ms: int) -> None:
        if use not in self._known and len(self._places) < PLACES:
            self._places.setdefault(use, now_ms)

    def write(self, database: Database) -> None:
        """Write the notes, in one transaction. When that fails they stay, for the next time."""
        with self._lock:
            keys, self._keys = self._keys, {}
            web_sessions, self._web_sessions = self._web_sessions, {}
            places, self._places = self._places, {}
        if not keys and not web_sessions and not places:
            return
        try:
            with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
                for key_id, now_ms in sorted(keys.items()):  # in one order: APIs that write at once never deadlock
                    touch_api_key(session, key_id, now_ms)
                for token_hash, now_ms in sorted(web_sessions.items()):
                    touch_web_session(session, token_hash, now_ms)
                note_addresses(session, places)
        except BaseException:
            with self._lock:
                _keep_later(self._keys, keys)
                _keep_later(self._web_sessions, web_sessions)
                self._places = places | self._places
            raise
        with self._lock:
            self._known = {*self._known, *places} if len(self._known) < PLACES else set(places)


def _keep_later(notes: dict[str, int], earlier: Mapping[str, int]) -> None:
    for name, now_ms in earlier.items():
        notes.setdefault(name, now_ms)

"""Whose probe is calling: by the probe's key, looked up at most once a second each."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from hashlib import sha256

from api.errors import Unauthorized
from api.limits import Limits, wrong_key
from model.keys import PROBE_KEY, mistyped
from store.keyring import Keyring
from store.open_dispatches import Holder
from store.probes import authenticate_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.uses import Uses

REMEMBERED_S = 1.0
"""A deleted probe is refused within this."""
_MOST = 10_000


class ProbeKeys:
    """Threads may share it. Keys are remembered by their hash, so that no memory dump of this table holds one."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        chosen: str | None = None,
        now: Callable[[], float] = time.monotonic,
        uses: Uses | None = None,
    ) -> None:
        """`chosen`: TRACER_PROBE_KEY, which may look as it likes. `uses`: where it is noted from where keys come."""
        self._uses = uses or Uses()
        self._database = database
        self._keyring = keyring
        self._chosen = (chosen or "").encode()
        self._now = now
        self._limits = Limits(database, keyring, now)
        self._known: dict[bytes, tuple[float, Holder | None]] = {}

    def remembered(self, key: str) -> Holder | None:
        """The probe with this key, if that is known without asking the store. Unauthorized when it is known to be
        nobody's."""
        found = self._known.get(_digest(key))
        if found is None or self._now() - found[0] >= REMEMBERED_S:
            return None
        return _somebody(found[1])

    def holder(self, key: str, address: str) -> Holder:
        """The probe with this key, shown by somebody at this address. Unauthorized; RateLimited where many wrong keys
        come from, unless this one was good before."""
        remembered = self.remembered(key)
        if remembered is not None:
            return remembered
        if not key:
            raise Unauthorized("This needs a probe's key: Authorization: Bearer tprb_…")
        if mistyped(key, PROBE_KEY) and not hmac.compare_digest(key.encode(), self._chosen):
            raise Unauthorized("This probe key has a typing error: its end does not fit the rest. Copy it again")
        if not self._was_good(key):
            self._limits.refuse(wrong_key(address))
        asked_at = self._now()
        with self._database.read(EVERY_ORGANIZATION) as session:
            probe = authenticate_probe(session, self._keyring, key)
            if probe is not None:
                self._uses.note_probe(probe.id, self._database.now_ms(session), address)
        holder = None if probe is None else Holder(probe.organization_id, probe.id, probe.location)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[_digest(key)] = (asked_at, holder)
        if holder is None:
            self._limits.count_wrong_key(address)
        return _somebody(holder)

    def _was_good(self, key: str) -> bool:
        found = self._known.get(_digest(key))
        return found is not None and found[1] is not None


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _somebody(holder: Holder | None) -> Holder:
    if holder is None:
        raise Unauthorized("This probe key is unknown or revoked")
    return holder

"""When to try again (R9). Pure.

1, 5, 15, 30, 60 s, 2, 5, 15, 30 min, then every 30 to 60 min, up to 72 h after the event; then the dead letter.
"""

from __future__ import annotations

import hashlib

DELAYS_MS = tuple(1000 * seconds for seconds in (1, 5, 15, 30, 60, 120, 300, 900, 1800))
LATER_MS = 1_800_000
HORIZON_MS = 72 * 3_600_000


def next_try_ms(
    notification_id: str, attempts: int, tries_from_ms: int, now_ms: int, retry_after_s: float | None = None
) -> int | None:
    """When to try again after `attempts` failed tries (1 after the first), or None: give up.

    `retry_after_s`, what the receiver asked for, can only make it later. The last try is at the horizon itself."""
    end_ms = tries_from_ms + HORIZON_MS
    if now_ms >= end_ms:
        return None
    if attempts <= len(DELAYS_MS):
        delay_ms = DELAYS_MS[attempts - 1]
    else:
        # Spread, so that a receiver that comes back does not get everything at one instant; the same for whoever asks.
        digest = hashlib.blake2b(f"{notification_id}/{attempts}".encode(), digest_size=4).digest()
        delay_ms = LATER_MS + int.from_bytes(digest) % LATER_MS
    if retry_after_s is not None:
        delay_ms = max(delay_ms, round(retry_after_s * 1000))
    return min(now_ms + delay_ms, end_ms)

"""Links that acknowledge one alert with one tap, signed with the keyring."""

from __future__ import annotations

from store.keyring import Keyring

LASTS_MS = 24 * 3_600_000


def acknowledge_url(keyring: Keyring, public_url: str, alert_id: str, now_ms: int) -> str:
    """The link for a notice that is written now: good for 24 hours, or until the alert is resolved."""
    signed = f"{alert_id}.{(now_ms + LASTS_MS) // 1000}"
    return f"{public_url.rstrip('/')}/ack/{signed}.{keyring.hash_key(f'acknowledge an alert by a link {signed}')[:32]}"

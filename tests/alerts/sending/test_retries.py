"""When a notification is tried again, and when it is given up."""

from __future__ import annotations

from itertools import pairwise

from alerts.sending.retries import HORIZON_MS, next_try_ms


def tries(notification_id: str = "ntf_1", retry_after_s: float | None = None) -> list[int]:
    """When each try happens, in seconds after the event, where all fail at once."""
    at_ms, found = 0, [0]
    while (next_ms := next_try_ms(notification_id, len(found), 0, at_ms, retry_after_s)) is not None:
        at_ms = next_ms
        found.append(at_ms // 1000)
    return found


def test_soon_at_first_then_patiently_and_for_three_days() -> None:
    planned = tries()
    gaps = [later - earlier for earlier, later in pairwise(planned)]
    assert gaps[:9] == [1, 5, 15, 30, 60, 120, 300, 900, 1800]
    assert all(1_800 <= gap <= 3_600 for gap in gaps[9:-1])
    assert planned[-1] == HORIZON_MS // 1000 == 72 * 3600


def test_whoever_asks_gets_the_same_time_and_many_are_spread() -> None:
    assert tries("ntf_1") == tries("ntf_1")
    assert len({tries(f"ntf_{number}")[10] for number in range(100)}) > 80


def test_a_receiver_can_only_ask_for_later() -> None:
    assert next_try_ms("ntf_1", 1, 0, 0, retry_after_s=90) == 90_000
    assert next_try_ms("ntf_1", 9, 0, 0, retry_after_s=90) == 1_800_000
    assert next_try_ms("ntf_1", 1, 0, 0, retry_after_s=1e6) == HORIZON_MS, "and not for longer than it is tried at all"

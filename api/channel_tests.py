"""How often an organization may try its channels: a test is a message to somebody, asked for by a click."""

from __future__ import annotations

import math
import threading
import time
from collections import deque

from api.errors import RateLimited

A_MINUTE = 10
_WINDOW_S = 60.0
_lock = threading.Lock()
_tests: dict[str, deque[float]] = {}


def count_test(organization_id: str) -> None:
    """Count one more. Raises RateLimited with the seconds to wait."""
    now = time.monotonic()
    with _lock:
        recent = _tests.setdefault(organization_id, deque())
        while recent and recent[0] <= now - _WINDOW_S:
            recent.popleft()
        if len(recent) >= A_MINUTE:
            wait_s = max(1, math.ceil(recent[0] + _WINDOW_S - now))
            raise RateLimited("Channels may be tested ten times a minute", retry_after_s=wait_s)
        recent.append(now)

"""Where the time of a run went, its last phase too when that never ended."""

from __future__ import annotations

import pytest

from model.outcome import Metrics
from model.phases import phases, unfinished


def test_what_is_left_up_to_the_first_byte_is_waiting_where_a_download_follows() -> None:
    http = Metrics(dns_ms=1.0, connect_ms=2.0, tls_ms=3.0, ttfb_ms=10.0, download_ms=5.0)
    assert list(phases(http)) == [("DNS", 1.0), ("connect", 2.0), ("TLS", 3.0), ("waiting", 4.0), ("download", 5.0)]
    tcp = Metrics(dns_ms=1.0, connect_ms=2.0, ttfb_ms=10.0)
    assert list(phases(tcp)) == [("DNS", 1.0), ("connect", 2.0), ("waiting", 10.0)]


@pytest.mark.parametrize(
    ("done", "took_ms", "by_name", "secured", "expected"),
    [
        (Metrics(dns_ms=4.0, connect_ms=6.0), 5_010.0, False, False, ("waiting", 5_000.0)),
        (Metrics(connect_ms=10.0), 5_010.0, False, True, ("TLS", 5_000.0)),
        (Metrics(connect_ms=4.0, tls_ms=6.0), 5_010.0, False, True, ("waiting", 5_000.0)),
        (Metrics(), 3_000.0, False, True, ("connect", 3_000.0)),
        (Metrics(dns_ms=5.0), 3_005.0, False, True, ("connect", 3_000.0)),
        (Metrics(), 3_000.0, True, True, ("DNS", 3_000.0)),
        (Metrics(connect_ms=10.0, ttfb_ms=20.0, download_ms=4_980.0), 5_000.0, False, False, None),
        (Metrics(connect_ms=0.2), 0.9, False, False, None),
    ],
)
def test_the_phase_that_never_ended_has_the_rest_of_the_time(
    done: Metrics, took_ms: float, by_name: bool, secured: bool, expected: tuple[str, float] | None
) -> None:
    assert unfinished(done, took_ms, by_name=by_name, secured=secured) == expected

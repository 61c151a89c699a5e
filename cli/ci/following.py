"""Waiting for journeys on the probes: asks how far they are until the last has ended or the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from cli.ci.results import JourneyResult, of_api
from cli.client import ApiError, Client

_FIRST_S, _LONGEST_S = 0.3, 2.0
_PATIENCE_S = 60.0
"""So long a Tracer that does not answer, or can't now, may still come back: it is restarted in a deploy."""
_MAY_PASS = (429, 500, 502, 503, 504)

Look = Callable[[], Sequence[JourneyResult]]
"""How all runs are now. Raises ApiError."""


@dataclass
class Clock:
    """Time as it passes; in tests, as they say."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def at_batch(client: Client, batch_id: str) -> Look:
    """By one request for all runs of a batch."""
    path = f"/v1/batches/{quote(batch_id, safe='')}"
    return lambda: [of_api(run) for run in client.request("GET", path)["data"]["runs"]]


def at_runs(client: Client, asked: Sequence[JourneyResult]) -> Look:
    """By a request for each run that has not ended yet."""
    known = list(asked)

    def look() -> Sequence[JourneyResult]:
        for place, result in enumerate(known):
            if not result.ended:
                run = client.request("GET", f"/v1/runs/{quote(result.run_id or '', safe='')}")["data"]
                known[place] = of_api(run, replace(result, url=f"{client.url}/runs/{result.run_id}"))
        return tuple(known)

    return look


def follow(look: Look, timeout_s: float, clock: Clock) -> Iterator[Sequence[JourneyResult]]:
    """Yields how the runs are each time somebody looked; the last time all have ended, or the time is up. Raises
    ApiError for an answer that another look can't change, and when nobody has answered for a minute."""
    deadline = clock.now() + timeout_s
    heard = clock.now()
    wait = _FIRST_S
    while True:
        try:
            results = look()
        except ApiError as error:
            if error.status is not None and error.status not in _MAY_PASS:
                raise
            if clock.now() - heard >= _PATIENCE_S:
                raise
        else:
            heard = clock.now()
            yield results
            if all(result.ended for result in results):
                return
        left = deadline - clock.now()
        if left <= 0:
            return
        clock.sleep(min(wait, left))
        wait = min(wait * 1.3, _LONGEST_S)

"""Waiting for runs: until the last has ended, not a moment longer than asked, through what passes by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cli.ci.following import Clock, follow
from cli.ci.results import ExitCode, JourneyResult, Status, verdict
from cli.client import ApiError

AWAY = ApiError("can't be reached")


class Story:
    """What looks find, one after the other; the last again and again. Time passes in `sleep` only."""

    def __init__(self, *looks: Sequence[Status] | ApiError) -> None:
        self.looks = list(looks)
        self.seconds = 0.0
        self.looked = 0

    def look(self) -> Sequence[JourneyResult]:
        found = self.looks[min(self.looked, len(self.looks) - 1)]
        self.looked += 1
        if isinstance(found, ApiError):
            raise found
        return [JourneyResult(f"J{n}", "eu", status) for n, status in enumerate(found)]

    def told(self, timeout_s: float = 600) -> list[list[Status]]:
        clock = Clock(now=lambda: self.seconds, sleep=self._sleep)
        return [[result.status for result in results] for results in follow(self.look, timeout_s, clock)]

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 2
        self.seconds += seconds


def test_it_ends_with_the_last_run() -> None:
    story = Story(["queued", "queued"], ["running", "success"], ["success", "success"])
    assert story.told() == [["queued", "queued"], ["running", "success"], ["success", "success"]]
    assert story.looked == 3


def test_it_ends_when_the_time_is_up() -> None:
    story = Story(["running"])
    assert story.told(10)[-1] == ["running"]
    assert story.seconds == 10


def test_looks_grow_rarer() -> None:
    story = Story(["running"])
    story.told(600)
    assert story.looked < 320


def test_a_tracer_that_is_restarted_is_waited_for() -> None:
    story = Story(
        ["running"], AWAY, AWAY, ApiError("not now", status=503), ApiError("slow down", status=429), ["success"]
    )
    assert story.told() == [["running"], ["success"]]


def test_one_that_stays_away_is_given_up_after_a_minute() -> None:
    story = Story(["running"], AWAY)
    with pytest.raises(ApiError):
        story.told()
    assert 60 <= story.seconds <= 64


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_answer_that_another_look_cannot_change_ends_it_at_once(status: int) -> None:
    story = Story(["running"], ApiError("no", status=status))
    with pytest.raises(ApiError):
        story.told()
    assert story.looked == 2


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["success", "success"], ExitCode.PASSED),
        (["success", "failed", "unknown", "running"], ExitCode.FAILED),
        (["success", "unknown"], ExitCode.NOT_MEASURED),
        (["success", "running"], ExitCode.NOT_MEASURED),
        (["queued"], ExitCode.NOT_MEASURED),
        ([], ExitCode.NOTHING_RUN),
    ],
)
def test_failed_beats_not_measured_beats_passed(statuses: list[Status], code: ExitCode) -> None:
    assert verdict([JourneyResult("J", "eu", status) for status in statuses]) is code

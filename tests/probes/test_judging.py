"""Judging never holds up the loop for long, whatever is to be judged."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from model.answer import Answer
from model.assertions.registry import ASSERTION_TYPES
from probes.judging import first_failure, judge
from tests.probes.http_bench import run

LARGE = json.dumps([{"id": n, "tags": ["a", "b"]} for n in range(20_000)])


def assertion(**given: Any) -> Any:
    return ASSERTION_TYPES[given["type"]].model_validate(given)


def test_other_work_goes_on_while_a_long_body_is_judged() -> None:
    heavy = [assertion(type="json_path", path="$..*..*..*", operator="exists")] * 3

    async def work() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        task = asyncio.ensure_future(judge(heavy, Answer(body=LARGE)))
        longest, last = 0.0, time.perf_counter()
        while not task.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert all(result.reason for result in task.result())
        return longest, loop.time() - started

    longest, whole = run(work())
    assert longest < whole / 2


def test_a_short_body_is_judged_at_once() -> None:
    judging = judge([assertion(type="body", operator="contains", value="b")], Answer(body="abc"))
    with pytest.raises(StopIteration) as done:
        judging.send(None)
    assert first_failure(done.value.value) is None


def test_with_nothing_to_judge_nothing_fails() -> None:
    assert first_failure(run(judge([], None))) is None

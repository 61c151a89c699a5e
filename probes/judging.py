"""Assertions held against an answer without holding up the loop, and the one error a failed run shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

from model.answer import Answer
from model.assertions.base import AssertionBase
from model.outcome import AssertionResult, RunError
from model.verdict import assertion_error, hold

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_AT_ONCE = 8_192
"""Characters of text judged on the loop: some ms at worst. More is for a thread: RE2 gives up the interpreter's lock
while it works, and the rest is switched away from every few ms, so no timer of another check waits for long."""
_THREADS = 2


async def judge(assertions: Sequence[AssertionBase], answer: Answer | None) -> tuple[AssertionResult, ...]:
    """Each assertion's result, in their order; `answer` None: there was no response, none passes."""
    if answer is None or len(answer.body or "") + len(answer.response or "") <= _AT_ONCE:
        return hold(assertions, answer)
    return await off_loop(hold, assertions, answer)


async def off_loop(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """The result of bounded work that would hold up the loop."""
    call = partial(work, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="tracer-judge")


def first_failure(results: Iterable[AssertionResult]) -> RunError | None:
    """`assertion_failed` with a sentence about the first assertion that did not hold; None when all did."""
    return assertion_error(tuple(results))

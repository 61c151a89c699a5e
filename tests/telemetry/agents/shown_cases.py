"""Runs that show something: the label, the run, and the step where it begins."""

from __future__ import annotations

from typing import Any

from tests.telemetry.agents.recorded import (
    Said,
    asks,
    calls,
    ends,
    fails,
    goes_wrong,
    says,
    stands,
    thinks,
    told,
)

ROOM = {"day": "Monday"}
HEALTHY = (
    asks(), thinks("Let me look", tools=["search", "book"]), calls("search", ROOM), told("search", ["A", "B"]),
    calls("book", {"room": "A"}), told("book", {"id": 7}), says("Room A is yours."), ends(),
)  # fmt: skip


def looking(times: int, result: Any = "no rooms free") -> list[Said]:
    return [each for _ in range(times) for each in (calls("search", ROOM), told("search", result))]


def failing(times: int, **arguments: Any) -> list[Said]:
    return [each for _ in range(times) for each in (calls("book", arguments or ROOM), fails("book"))]


def spending(*costs: float) -> list[Said]:
    return [thinks(f"thought {place}", usage={"cost_usd": cost}) for place, cost in enumerate(costs)]


def in_messages(*, anthropic: bool = False) -> tuple[Said, ...]:
    """A call and its answer, as a conversation that is kept message by message says them."""
    if anthropic:
        call: dict[str, Any] = {"content": [{"type": "tool_use", "id": "t1", "name": "search", "input": ROOM}]}
        answer: dict[str, Any] = {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "none free"}],
        }
    else:
        function = {"name": "search", "arguments": '{"day": "Monday"}'}
        call = {"content": None, "tool_calls": [{"id": "t1", "type": "function", "function": function}]}
        answer = {"role": "tool", "tool_call_id": "t1", "content": "none free"}
    return ("message", {"role": "assistant", **call}), ("message", answer)


def langchain(**fields: Any) -> dict[str, Any]:
    """What its callbacks say of an answer of a model."""
    message = {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": {"content": "Well.", **fields}}
    return {"generations": [[{"text": "", "message": message}]], "llm_output": None}


FOUND: dict[str, tuple[str, tuple[Said, ...], int]] = {
    "the same call four times": ("tool_loop", (asks(), *looking(4)), 2),
    "with thoughts between": (
        "tool_loop",
        (asks(), *[e for n in range(3) for e in (thinks(f"try {n}"), *looking(1))]),
        3,
    ),
    "with no answers recorded": ("tool_loop", (asks(), *[calls("search", ROOM)] * 3), 2),
    "with arguments in another order, as OpenAI writes them": (
        "tool_loop",
        (
            calls("search", {"a": 1, "b": 2}),
            told("search"),
            ("tool_call", {"name": "search", "input": {"b": 2, "a": 1}}),
            told("search"),
            ("tool_call", {"function": {"name": "search", "arguments": '{"b": 2,  "a": 1}'}}),
        ),
        1,
    ),
    "OpenAI's messages alone": ("tool_loop", (asks(), *in_messages() * 3), 2),
    "Anthropic's messages alone": ("tool_loop", (asks(), *in_messages(anthropic=True) * 3), 2),
    "LangChain's input_str": (
        "tool_loop",
        tuple(
            [("tool_call", {"serialized": {"name": "search"}, "input_str": "a"}), ("tool_result", {"output": "none"})]
            * 3
        ),
        1,
    ),
    "two calls in turn": (
        "tool_loop",
        (*looking(1, "x"), *[e for _ in range(3) for e in (calls("a"), told("a"), calls("b"), told("b"))]),
        3,
    ),
    "waiting that takes too long": ("tool_loop", (*looking(30, "pending"), *looking(1, "ready")), 1),
    "waiting for nothing": ("tool_loop", tuple(looking(12, "pending")), 1),
    "an answer that is a stack trace": (
        "tool_error_ignored",
        (
            calls("run"),
            told("run", "TypeError: x\n    at a (a.js:1)\n    at b (b.js:2)\n    at c (c.js:3)"),
            says("Done, here you are."),
            ends(),
        ),
        2,
    ),
    "the same failure three times": ("retry_storm", (asks(), *failing(3), ends("failed")), 2),
    "the same error of other arguments": (
        "retry_storm",
        tuple(e for n in range(3) for e in (calls("book", {"n": n}), fails("book", f"HTTP 503, request {n}77"))),
        1,
    ),
    "a success after five failures": ("retry_storm", (*failing(5), calls("book", ROOM), told("book")), 1),
    "generations that fail": ("retry_storm", tuple([thinks(error={"type": "overloaded_error"})] * 4), 1),
    "calls that end in errors": ("retry_storm", (asks(), *[calls("book", ROOM), goes_wrong("refused")] * 3), 2),
    "errors alone": ("retry_storm", (asks(), *[goes_wrong(f"HTTP 503 after {n} ms") for n in range(3)]), 2),
    "an answer as if nothing were": (
        "tool_error_ignored",
        (asks(), calls("book", ROOM), fails("book"), says("Booked, see you there!"), ends()),
        3,
    ),
    "an end as if nothing were": ("tool_error_ignored", (calls("book", ROOM), fails("book"), ends()), 2),
    "on to other tools": (
        "tool_error_ignored",
        (calls("book"), fails("book"), thinks("Now the invitation"), calls("invite"), told("invite")),
        2,
    ),
    "Anthropic's is_error": (
        "tool_error_ignored",
        (
            ("tool_call", {"type": "tool_use", "id": "t1", "name": "book", "input": {}}),
            (
                "tool_result",
                {"tool_use_id": "t1", "is_error": True, "content": [{"type": "text", "text": "no access"}]},
            ),
            says("All done"),
        ),
        2,
    ),
    "a tool of no list": (
        "unknown_tool",
        (thinks("hm", tools=[{"function": {"name": "search"}}]), calls("teleport"), ends("failed")),
        2,
    ),
    "a tool that the run knows nothing of": (
        "unknown_tool",
        (calls("teleport"), fails("teleport", "Unknown tool: teleport")),
        1,
    ),
    "LangChain's words, for an answer": (
        "unknown_tool",
        (calls("x"), told("x", "x is not a valid tool, try one of [search].")),
        1,
    ),
    "LangChain's words": (
        "unknown_tool",
        (calls("x"), told("x", "Error: x is not a valid tool, try one of [search].")),
        1,
    ),
    "a state that stays": ("no_progress", (asks(), *[stands(page="home", step=n) for n in range(7)]), 3),
    "searches that find nothing": (
        "no_progress",
        tuple(e for n in range(7) for e in (calls("search", {"q": n}), told("search", {"results": [], "count": 0}))),
        4,
    ),
    "the same words": ("no_progress", tuple([thinks("Let me think about it.")] * 7), 2),
    "an hour of nothing": ("stall", (asks(), calls("book"), ("tool_result", {"tool": "book", "at_s": 3600})), 2),
    "a minute where seconds are usual": (
        "stall",
        (*HEALTHY[:5], ("tool_result", {"tool": "book", "result": 1, "at_s": 80})),
        5,
    ),
    "LangChain's tokens": (
        "context_overflow",
        (asks(), ("llm_call", {**langchain(usage_metadata={"input_tokens": 8_192}), "context_window": 8_192})),
        2,
    ),
    "LangChain's dearest": (
        "cost_spike",
        tuple(
            ("llm_call", langchain(response_metadata={"token_usage": {"prompt_tokens": sent, "completion_tokens": 5}}))
            for sent in (300, 300, 300, 90_000)
        ),
        4,
    ),
    "LangChain's cut off": (
        "premature_end",
        (asks(), ("llm_call", langchain(response_metadata={"finish_reason": "length"})), ends()),
        2,
    ),
    "LangChain's limit": (
        "premature_end",
        (*HEALTHY[:-1], ("end", {"return_values": {"output": "Agent stopped due to iteration limit or time limit."}})),
        8,
    ),
    "OpenAI's Responses, incomplete": (
        "premature_end",
        (
            asks(),
            (
                "llm_call",
                {
                    "response": {
                        "status": "incomplete",
                        "incomplete_details": {"reason": "max_output_tokens"},
                        "output": [],
                    }
                },
            ),
            ends(),
        ),
        2,
    ),
    "Gemini, cut off": (
        "premature_end",
        (
            asks(),
            ("llm_call", {"candidates": [{"content": {"parts": [{"text": "We"}]}, "finishReason": "MAX_TOKENS"}]}),
            ends(),
        ),
        2,
    ),
    "an error in MCP's text": (
        "tool_error_ignored",
        (
            calls("book"),
            told("book", [{"type": "text", "text": '{"status": "error", "message": "no access"}'}]),
            says("Booked, see you there!"),
        ),
        2,
    ),
    "a refusal as too long": (
        "context_overflow",
        (asks(), thinks(error={"code": "context_length_exceeded", "message": "maximum context length is 8192 tokens"})),
        2,
    ),
    "an error at its heels": (
        "context_overflow",
        (asks(), thinks("x"), goes_wrong("prompt is too long: 210000 tokens")),
        2,
    ),
    "more than the model takes": (
        "context_overflow",
        (
            thinks("a", usage={"prompt_tokens": 900}),
            thinks("b", usage={"prompt_tokens": 8190, "completion_tokens": 9}, context_window=8192),
        ),
        2,
    ),
    "one step that costs fifty times as much": ("cost_spike", tuple(spending(0.01, 0.012, 0.009, 0.5, 0.01)), 4),
    "tokens where no cost is said": (
        "cost_spike",
        tuple(thinks(f"t{n}", usage={"total_tokens": n}) for n in (900, 1000, 1100, 90_000)),
        4,
    ),
    "an error before a failed end": ("unhandled_error", (asks(), thinks("x"), goes_wrong(), ends("failed")), 3),
    "an error and nothing more": ("unhandled_error", (asks(), thinks("x"), goes_wrong(), goes_wrong("aborted")), 3),
    "an error that says so": ("unhandled_error", (goes_wrong(handled=False), says("Hello")), 1),
    "a tool's failure that ends the run": ("unhandled_error", (calls("book"), fails("book"), ends("failed")), 2),
    "an end with its error": ("unhandled_error", (asks(), thinks("x"), ends("failed", error="OOM")), 3),
    "a call that is not answered": ("premature_end", (*HEALTHY[:5], ends()), 5),
    "a limit": ("premature_end", (*HEALTHY[:4], ends(reason="max_steps")), 5),
    "work that remains": ("premature_end", (*HEALTHY[:4], stands(remaining=["book"]), ends()), 5),
    "an end that says so": ("premature_end", (*HEALTHY[:4], ends(goal_met=False)), 5),
    "a question and an end": ("premature_end", (asks(), ends()), 1),
    "a generation that was cut off": (
        "premature_end",
        (asks(), thinks("The room is", finish_reason="length"), ends()),
        2,
    ),
}

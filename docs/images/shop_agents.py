"""What the bookshop's assistants did on the pictures: several runs, one of which asks the same again and again."""

from __future__ import annotations

from typing import Any

from shop import Api
from shop_reports import Sender

from model.times import iso

RUN = "trace_gift"
_MINUTE_MS = 60_000
_WANTED = {"subject": "lighthouses", "age": 9, "in_stock": True}
_USAGE = {"input_tokens": 1240, "output_tokens": 86, "cost_usd": 0.0048}
Said = tuple[int, str, dict[str, Any]]
"""(seconds after the event before, type, payload)"""
_GIFT: list[Said] = [
    (0, "message", {"role": "user", "content": "A book about lighthouses for a child of nine, in stock, as a gift."}),
    (1, "state", {"goal": "one book", "searches": 0, "filters": _WANTED}),
    (1, "llm_call", {
        "model": "anthropic/claude-sonnet-4", "messages": [{"role": "system", "content": "You sell books."}],
        "output": "I will look for it.", "usage": _USAGE, "finish_reason": "tool_use", "latency_ms": 1830,
    }),
    *[each for _ in range(5) for each in (
        (2, "tool_call", {"tool": "search_books", "arguments": _WANTED}),
        (1, "tool_result", {"tool": "search_books", "result": {"books": [], "count": 0}}),
    )],
    (2, "state", {"goal": "one book", "searches": 5, "filters": {**_WANTED, "in_stock": False}}),
    (1, "log", {"level": "warning", "message": "the answer is the same as before"}),
    (2, "tool_call", {"tool": "reserve", "arguments": {"isbn": "9780008387775", "gift": True}}),
    (4, "tool_result", {"tool": "reserve", "error": "HTTP 503 from checkout: no connection left in the pool of 10"}),
    (3, "message", {"role": "assistant", "content": "I could reserve none. Shall I write when it is back?"}),
    (1, "end", {"status": "failed", "reason": "gave up"}),
]  # fmt: skip
_SUMMARY: list[Said] = [
    (0, "message", {"role": "user", "content": "Sum up the reviews of this week"}),
    (2, "tool_call", {"tool": "read_reviews", "arguments": {"days": 7}}),
    (1, "tool_result", {"tool": "read_reviews", "result": {"count": 41}}),
    (6, "llm_call", {"model": "openai/gpt-4o-mini", "output": "Readers like the new covers.", "usage": _USAGE}),
    (1, "end", {"status": "completed"}),
]


def act(api: Api, now_ms: int) -> None:
    """Have them recorded and analyzed."""
    say = Sender(api)
    _record(say, "trace_reviews", "Sum up the reviews", "editor", _SUMMARY, now_ms - 90 * _MINUTE_MS)
    _record(say, "trace_letters", "Answer letters", "support", _SUMMARY[:3] + _SUMMARY[-1:], now_ms - 40 * _MINUTE_MS)
    _record(say, RUN, "Recommend a gift", "bookseller", _GIFT, now_ms - 12 * _MINUTE_MS)
    _record(say, "trace_stock", "Order what runs out", "buyer", _SUMMARY[:3], now_ms - 5_000, ended=False)


def _record(say: Sender, run: str, name: str, agent: str, said: list[Said], at_ms: int, *, ended: bool = True) -> None:
    about = {"name": name, "agent": agent, "session_id": run, "project_id": "checkout", "metadata": {"shop": "books"}}
    say.rest("POST", "/api/traces", about)
    events = []
    for seq, (after_s, kind, payload) in enumerate(said, 1):
        at_ms += 1_000 * after_s
        events.append({"seq": seq, "type": kind, "timestamp": iso(at_ms), "idempotency_key": f"{run}:{seq}",
                       "payload": payload})  # fmt: skip
    say.rest("POST", f"/api/traces/{run}/events", events)
    if ended:
        say.rest("POST", f"/api/traces/{run}/analyze")

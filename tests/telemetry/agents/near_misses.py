"""Runs that come near to showing something, and don't: the label, and the run."""

from __future__ import annotations

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
from tests.telemetry.agents.shown_cases import HEALTHY, ROOM, failing, in_messages, looking, spending

NEAR: dict[str, tuple[str, tuple[Said, ...]]] = {
    "the same call twice": ("tool_loop", (asks(), *looking(2))),
    "pages of a list": (
        "tool_loop",
        tuple(e for n in range(9) for e in (calls("list", {"page": n}), told("list", [n]))),
    ),
    "arguments under names of one's own": (
        "tool_loop",
        tuple(e for n in range(5) for e in (("tool_call", {"tool": "list", "page": n}), told("list", "ok"))),
    ),
    "messages beside calls that are told": (
        "tool_loop",
        (asks(), *[e for n in range(3) for e in (in_messages()[0], calls("s", {"n": n}), told("s"), in_messages()[1])]),
    ),
    "messages that keep no answers": ("premature_end", (asks(), in_messages()[0], ends())),
    "an answer that changes": ("tool_loop", tuple(e for n in range(5) for e in looking(1, f"{n} of 5 done"))),
    "waiting that was worth it": ("tool_loop", (*looking(4, "pending"), *looking(1, "ready"))),
    "long waiting that was worth it": (
        "tool_loop",
        (asks(), *looking(29, "pending"), *looking(1, "ready"), says("Done."), ends()),
    ),
    "waiting that was worth it is progress": (
        "no_progress",
        (asks(), *looking(12, "pending"), *looking(1, "ready"), says("Done."), ends()),
    ),
    "little waiting is progress": ("no_progress", (asks(), *looking(6, "pending"), *looking(1, "ready"), ends())),
    "a lint that finds nothing": (
        "tool_error_ignored",
        (calls("lint"), told("lint", "Error: none found. 0 errors"), says("Clean"), ends()),
    ),
    "a grep that finds nothing": (
        "tool_error_ignored",
        (calls("grep"), told("grep", "", exit_code=1, stderr=""), says("It is used nowhere."), ends()),
    ),
    "a status that the agent names": (
        "tool_error_ignored",
        (calls("get"), told("get", "<html>", status_code=404), says("The page gives a 404."), ends()),
    ),
    "a build that failed": (
        "tool_error_ignored",
        (calls("build"), told("build", {"status": "error", "message": "x", "log": "y"}), says("It is red."), ends()),
    ),
    "a field that says none": (
        "tool_error_ignored",
        (calls("lint"), told("lint", {"error": "none"}), says("Clean"), ends()),
    ),
    "a document that begins with an error": (
        "tool_error_ignored",
        (
            calls("read"),
            told("read", "Error: disk full\nJan 3\nall well\nJan 4\nall well"),
            says("A log"),
            ends(),
        ),
    ),
    "an apology in German": (
        "tool_error_ignored",
        (calls("pay"), fails("pay", "card declined"), says("Leider wurde Ihre Karte abgelehnt."), ends()),
    ),
    "a tool beside the list that answers": (
        "unknown_tool",
        (thinks("a", tools=["x"]), calls("y"), told("y", "fine"), says("Done."), ends()),
    ),
    "a person who asks again": ("tool_loop", tuple(e for _ in range(4) for e in (asks("Again"), *looking(1)))),
    "the same failing": ("tool_loop", tuple(failing(6))),
    "two failures and a success": ("retry_storm", (*failing(2), calls("book", ROOM), told("book"))),
    "four failures and a success": ("retry_storm", (*failing(4), calls("book", ROOM), told("book"))),
    "other errors of other arguments": (
        "retry_storm",
        tuple(e for name in "abcd" for e in (calls("read", {"path": name}), fails("read", f"no such file: {name}"))),
    ),
    "handled errors": ("retry_storm", tuple([goes_wrong(handled=True)] * 5)),
    "a retry": ("tool_error_ignored", (*failing(1), calls("book", ROOM), told("book"), says("Booked"), ends())),
    "a retry after a look elsewhere": (
        "tool_error_ignored",
        (*failing(1), calls("status"), told("status"), calls("book", ROOM), told("book"), says("Booked")),
    ),
    "an apology": ("tool_error_ignored", (*failing(1), says("I'm sorry, I couldn\u2019t book it."), ends())),
    "another way, said so": (
        "tool_error_ignored",
        (*failing(1), thinks("Let me call instead"), calls("phone"), told("phone")),
    ),
    "the error in the agent's words": (
        "tool_error_ignored",
        (*failing(1), says("It answered: HTTP 503 from upstream"), ends()),
    ),
    "a failed end": ("tool_error_ignored", (*failing(1), ends("failed"))),
    "a failure just now": ("tool_error_ignored", tuple(failing(1))),
    "a result that speaks of errors": (
        "tool_error_ignored",
        (calls("grep"), told("grep", {"errors": [], "error": None}), says("Clean")),
    ),
    "tools of a list": ("unknown_tool", HEALTHY),
    "no list at all": ("unknown_tool", (calls("anything"), told("anything"))),
    "a file that is not found": (
        "unknown_tool",
        (calls("read"), fails("read", "file not found: tool.py"), calls("read"), told("read")),
    ),
    "a tool that was offered later": (
        "unknown_tool",
        (thinks("a", tools=["x"]), thinks("b", tools=["y"]), calls("y"), calls("x")),
    ),
    "writes that all say ok": (
        "no_progress",
        tuple(e for n in range(9) for e in (calls("write", {"n": n}), told("write", "ok"))),
    ),
    "states that change": ("no_progress", tuple(stands(page=f"p{n}", step=n) for n in range(9))),
    "four times the same state": ("no_progress", (*[stands(page="home")] * 5, stands(page="cart"))),
    "a loop, which has a name": ("no_progress", tuple(looking(9))),
    "a storm, which has a name": ("no_progress", tuple(failing(9))),
    "a person who takes an hour": (
        "stall",
        (says("Which day?"), ("message", {"role": "user", "content": "Monday", "at_s": 3600})),
    ),
    "a slow agent": ("stall", tuple(thinks(f"t{n}", at_s=90 * n) for n in range(6))),
    "half a minute": ("stall", (asks(), thinks("x", at_s=30))),
    "clocks that disagree": ("stall", (asks(), thinks("x", at_s=900), calls("a", at_s=2), told("a", at_s=902))),
    "a large but fitting context": (
        "context_overflow",
        (thinks("a", usage={"input_tokens": 7_900}, context_window=8192),),
    ),
    "a rate limit in tokens": (
        "context_overflow",
        (thinks(error="Rate limit exceeded: 30000 tokens per minute limit"),),
    ),
    "a short answer that was cut off": (
        "context_overflow",
        (thinks("x", finish_reason="length", usage={"input_tokens": 10}),),
    ),
    "costs that grow": ("cost_spike", tuple(spending(0.01, 0.02, 0.03, 0.04, 0.05))),
    "parts of a cent": ("cost_spike", tuple(spending(0.0001, 0.0001, 0.0001, 0.002))),
    "three steps": ("cost_spike", tuple(spending(0.01, 0.01, 0.9))),
    "the bill at the end": ("cost_spike", (*spending(*[0.01] * 5), ends(cost_usd=0.5))),
    "an error that was handled": (
        "unhandled_error",
        (goes_wrong(), calls("book"), told("book"), says("Booked"), ends()),
    ),
    "an error that was told": ("unhandled_error", (goes_wrong(), says("Sorry, try later"), ends("failed"))),
    "a warning": ("unhandled_error", (thinks("x"), goes_wrong(level="warning"), ends())),
    "an error it says was handled": ("unhandled_error", (thinks("x"), goes_wrong(handled=True), ends())),
    "a run that ends well": ("premature_end", HEALTHY),
    "a run that goes on": ("premature_end", HEALTHY[:5]),
    "a run that failed": ("premature_end", (*HEALTHY[:5], goes_wrong(), ends("failed"))),
    "a recorder of calls alone": ("premature_end", (calls("a"), calls("b"), ends())),
    "tasks that are all done": (
        "premature_end",
        (*HEALTHY[:-1], ends(todos=[{"content": "look", "status": "completed"}, {"task": "book", "done": True}])),
    ),
    "a budget that is left": ("premature_end", (*HEALTHY[:-1], ends(remaining=42))),
    "a state before the last words": (
        "premature_end",
        (asks(), stands(done=False), says("Room A is yours."), ends()),
    ),
    "a reason in words": ("premature_end", (*HEALTHY[:-1], ends(reason="goal reached within budget"))),
}

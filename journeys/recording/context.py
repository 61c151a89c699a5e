"""What a script says of its browser: the part of it that a journey has fields for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from journeys.recording.literals import NotTaken, shown, value_of

_FIELDS = {
    "viewport": "viewport", "user_agent": "user_agent", "base_url": "base_url", "extra_http_headers": "extra_headers",
}  # fmt: skip
_NEEDLESS = frozenset({"accept_downloads", "service_workers", "record_video_dir", "record_video_size", "no_viewport"})
"""A journey does so by itself, or keeps its own evidence."""
_OF_A_LAUNCH = frozenset({"headless", "channel", "slow_mo", "args", "executable_path", "devtools", "traces_dir"})
_ENDS = frozenset({"close", "storage_state", "start", "stop", "start_chunk", "stop_chunk"})


@dataclass
class Context:
    """`fields`: those of the journey."""

    fields: dict[str, Any] = field(default_factory=dict)

    def options(self, given: list[tuple[str | None, ast.expr]]) -> Iterator[str]:
        """Takes the options of `new_context`; yields why some could not be. A name of None is `**something`."""
        for name, node in given:
            if name in _NEEDLESS or (name or "").startswith("record_har"):
                continue
            if name not in _FIELDS:
                said = f"{name}={shown(node)}" if name else shown(node)
                yield f"a journey has no {said}: give viewport and user_agent" if name is None else f"it has no {said}"
                continue
            try:
                self.fields[_FIELDS[name]] = value_of(node)
            except NotTaken as reason:
                yield str(reason)

    def size(self, args: list[ast.expr]) -> None:
        """`page.set_viewport_size({"width": 800, "height": 600})`. Raises NotTaken."""
        if len(args) != 1:
            raise NotTaken("it names no size")
        self.fields["viewport"] = value_of(args[0])


def launched(call: ast.Call) -> Iterator[str]:
    """What of `playwright.chromium.launch(…)` is another with a journey."""
    browser = ast.unparse(call.func).split(".")[-2]
    if browser in ("firefox", "webkit"):
        yield f"journeys run in Chromium, not in {browser}"
    for keyword in call.keywords:
        if keyword.arg not in _OF_A_LAUNCH:
            yield f"a journey has no {keyword.arg}={shown(keyword.value)}"


def outside_of_pages(method: str) -> None:
    """A call of the browser's or its context's. Raises NotTaken for all but what ends them, and what only records."""
    if method not in _ENDS:
        raise NotTaken(f"a journey has nothing for {method}() of a browser")

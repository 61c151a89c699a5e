"""An agent that is to buy a book, and asks the same again and again when the shop does not sell it.

    export TRACER_API_KEY=trk_…        with the scopes ingest and run
    python examples/looping_agent.py [--tracer http://127.0.0.1:8000] [--shop http://127.0.0.1:8090] [--project shop]

It tells Tracer each step as it does it, by plain HTTP (seed 002), and has itself analyzed at the end. Nothing beyond
Python's own library is needed. See docs/how-to/agents.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

PATIENCE = 5


class Recorder:
    """A run of the agent, told to Tracer event by event."""

    def __init__(self, tracer: str, key: str, project: str | None) -> None:
        self.tracer, self.key, self.seq = tracer, key, 0
        self.id = f"shopper-{uuid.uuid4().hex[:12]}"
        begun = {"session_id": self.id, "name": "Buy Dune", "agent": "shopper"}
        self.ask("POST", "/api/traces", begun if project is None else {**begun, "project_id": project})

    def tell(self, kind: str, step: int, **payload: Any) -> None:
        """One event."""
        self.seq += 1
        event = {
            "seq": self.seq, "type": kind, "step": step, "timestamp": datetime.now(UTC).isoformat(),
            "idempotency_key": f"{self.id}:{self.seq}", "payload": payload,
        }  # fmt: skip
        self.ask("POST", f"/api/traces/{self.id}/events", event)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.tracer + path, data, headers, method=method)) as answer:
            return json.load(answer)


def http_post(url: str) -> str:
    """The agent's tool: what it answers is the status and the text, as a model would be told."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"")) as answer:
            return f"HTTP {answer.status}: {answer.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}: {error.read().decode()}"


def buy(recorder: Recorder, shop: str, pause_s: float) -> bool:
    """Whether it was bought."""
    recorder.tell("message", 1, role="user", content="Buy me a copy of Dune")
    for attempt in range(1, PATIENCE + 1):
        call, step = {"tool": "http_post", "arguments": {"url": f"{shop}/checkout"}}, attempt + 1
        recorder.tell("tool_call", step, **call, tool_call_id=f"call_{attempt}")
        answer = http_post(f"{shop}/checkout")
        recorder.tell("tool_result", step, tool="http_post", tool_call_id=f"call_{attempt}", result=answer)
        if answer.startswith("HTTP 200"):
            recorder.tell("message", step + 1, role="assistant", content="Dune is yours.")
            recorder.tell("end", step + 1, status="completed")
            return True
        time.sleep(pause_s)
    recorder.tell("end", PATIENCE + 2, status="failed", reason="It did not work")
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description="An agent that buys a book.")
    parser.add_argument("--tracer", default=os.environ.get("TRACER_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--shop", default="http://127.0.0.1:8090")
    parser.add_argument("--project", help="id, slug or number of a project")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two attempts")
    given = parser.parse_args()
    key = os.environ.get("TRACER_API_KEY")
    if not key:
        parser.error("set TRACER_API_KEY to a key with the scopes ingest and run")
    try:
        recorder = Recorder(given.tracer, key, given.project)
    except urllib.error.HTTPError as error:
        parser.exit(1, f"Tracer refused it: {error.code} {error.read().decode(errors='replace')}\n")
    except urllib.error.URLError as error:
        parser.exit(1, f"Tracer does not answer at {given.tracer}: {error.reason}\n")
    print(f"Watch it live: {given.tracer}/agents/{recorder.id}", flush=True)
    bought = buy(recorder, given.shop, given.pause)
    analysis = recorder.ask("POST", f"/api/traces/{recorder.id}/analyze")
    print("It was bought." if bought else f"It was not bought. {analysis['summary']}")
    if analysis["incident_id"]:
        print(f"Part of {given.tracer}/incidents/{analysis['incident_id']}")


if __name__ == "__main__":
    main()

"""How long an analysis of an agent's run takes, from the stored events to what is found.

    python -m benchmarks.agent_analysis [--events 10000] [--rounds 15] [--stores sqlite postgresql]

A run as agents' SDKs record it: per step a generation, a call, its result, a state and a message, about 200 bytes each,
with a loop in its last tenth. Read and analysed in this process, as a request does; then asked for over HTTP. CPU is of
this process. The goal: 10,000 events in 200 ms.
"""

from __future__ import annotations

import argparse
import http.client
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.measure import percentile

NAME = "run"


def said(number: int, events: int) -> tuple[str, dict[str, Any]]:
    """An event's type and payload, by its place."""
    step, kind = divmod(number, 5)
    page = step if number < events * 0.9 else 0
    if kind == 0:
        usage = {"prompt_tokens": 500 + step % 300, "completion_tokens": 40}
        text = f"The list goes on, so I look at page {step} of it next and see what stands there."
        return "llm_call", {"model": "m", "output": text, "usage": usage, "cost_usd": 0.002}
    if kind == 1:
        return "tool_call", {"tool": "search", "id": f"call_{step}", "arguments": {"day": "Monday", "page": page}}
    if kind == 2:
        rooms = [{"id": place, "name": f"Room {page}-{place}"} for place in range(5)]
        return "tool_result", {"tool": "search", "tool_call_id": f"call_{step}", "result": {"rooms": rooms}}
    if kind == 3:
        return "state", {"page": page, "url": f"https://rooms.example/?page={page}"}
    return "message", {"role": "assistant", "content": f"Page {step} has five rooms."}


def fill(store: Any, organization_id: str, events: int) -> None:
    from store.sessions import EVERY_ORGANIZATION
    from store.write_lock import Urgency
    from telemetry.agents.events import read_agent_event
    from telemetry.agents.stored.appending import append_events
    from telemetry.agents.stored.sessions import NewSession, begin_session

    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        begin_session(session, organization_id, NewSession(NAME, None, NAME, "agent", {}), 1)
    for first in range(0, events, 1_000):
        batch = []
        for number in range(first, min(first + 1_000, events)):
            kind, payload = said(number, events)
            at = f"2024-01-15T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
            item = {
                "seq": number + 1, "type": kind, "timestamp": at, "idempotency_key": str(number), "step": number // 5,
                "payload": payload,
            }  # fmt: skip
            batch.append(read_agent_event(item, msgspec.json.encode(item)))
        with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            append_events(session, organization_id, NAME, batch, 1)


def measure(url: str, events: int, rounds: int) -> None:
    from api.app import create_app
    from api.server import Server
    from migrations.upgrade import upgrade
    from model.collector import spare_the_collector
    from model.settings import Settings
    from store.api_keys import NewApiKey, create_api_key
    from store.keyring import Keyring
    from store.organizations import create_organization
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.write_lock import Urgency
    from telemetry.agents.analysis import analyze
    from telemetry.agents.stored.analyses import recording_of_session

    upgrade(url)
    database, keyring = Database(url), Keyring({"k1": bytes(range(32))}, b"pepper")
    database.seal_with(keyring.signature)
    app = create_app(database, keyring, Settings(port=0))
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        organization_id = create_organization(session, "o", ["local"], 1).id
        _, key = create_api_key(session, keyring, NewApiKey(organization_id, "b", ("run",), None), 1)
    fill(database.telemetry, organization_id, events)
    spare_the_collector()  # as a server does
    parts: dict[str, list[float]] = {"read": [], "detect": [], "both": [], "both, CPU": [], "over HTTP": []}
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            read = recording_of_session(session, organization_id, 1)
        halfway = time.perf_counter()
        found = analyze(read)
        ended = time.perf_counter()
        parts["read"].append(halfway - began)
        parts["detect"].append(ended - halfway)
        parts["both"].append(ended - began)
        parts["both, CPU"].append(time.process_time() - began_cpu)
    assert [finding.label for finding in found.detectors] == ["tool_loop"], found.detectors
    with Server(app, database, keyring, Settings(port=0)) as server:
        asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for _ in range(rounds):
            began = time.perf_counter()
            asked.request("POST", f"/api/traces/{NAME}/analyze", headers={"Authorization": f"Bearer {key}"})
            answer = asked.getresponse()
            body = msgspec.json.decode(answer.read())
            parts["over HTTP"].append(time.perf_counter() - began)
            assert answer.status == 200, body
    for name, seconds in parts.items():
        ms = [1000 * each for each in seconds]
        print(f"  {name:10} median {percentile(ms, 50):6.0f} ms, best {min(ms):6.0f} ms", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--events", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=15)
    asked.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    given = asked.parse_args()
    for store in given.stores:
        print(f"{store}, {given.events:,} events")
        with ExitStack() as stack:
            if store == "sqlite":
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="tracer-agents-")))
                measure(f"sqlite:///{folder / 'tracer.db'}", given.events, given.rounds)
            else:
                from tests.postgres import running_postgres

                server = stack.enter_context(running_postgres())
                measure(server.address(server.create()), given.events, given.rounds)


if __name__ == "__main__":
    main()

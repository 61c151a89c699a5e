"""A whole Tracer made of real processes: on SQLite one server, on PostgreSQL an API and two schedulers; and probes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system.processes import OWNER_KEY, SECRET_KEYS, Api, Process, free_port, wait_for

LOCATION = "local"


class Stack:
    """`server` is what may be killed to take the API away; `processes` everything that runs."""

    def __init__(self, database_url: str, folder: Path, *, sabotage: str = "", **settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.sqlite = database_url.startswith("sqlite")
        self.database_url = database_url
        self._sabotage = sabotage
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = Api(self.url)
        self.processes: dict[str, Process] = {}
        self.armed = folder / "armed"

    def environment(self, name: str) -> dict[str, str]:
        address = {} if self.sqlite else {"TRACER_DATABASE_URL": self.database_url.replace("+psycopg", "")}
        folder = self.folder / (name if name.startswith("probe") else "data")
        folder.mkdir(exist_ok=True)
        return {
            **address,
            "TRACER_DATA_DIR": str(folder),
            "TRACER_PORT": str(self.port),
            "TRACER_API_KEY": OWNER_KEY,
            "TRACER_SECRET_KEYS": SECRET_KEYS,
            "TRACER_ALLOW_NETS": "127.0.0.0/8",
            "TRACER_TEST_ARMED": str(self.armed),
            **self.settings,
        }

    def add(
        self,
        name: str,
        arguments: list[str],
        *,
        sabotage: str | None = None,
        enter: Callable[[], None] | None = None,
        **environment: str,
    ) -> Process:
        build = self._sabotage if sabotage is None else sabotage
        log = self.folder / f"{name}.log"
        process = Process(arguments, {**self.environment(name), **environment}, log, build, enter)
        self.processes[name] = process
        return process.start()

    def start(self) -> Stack:
        if self.sqlite:
            self.add("server", ["server"])
        else:
            self.add("server", ["api"])
            self.add("scheduler-1", ["scheduler"])
            self.add("scheduler-2", ["scheduler"])
        wait_for(self.healthy, f"a healthy server\n{self.log('server')}", 40)
        return self

    def add_probe(
        self,
        name: str,
        api_url: str | None = None,
        *,
        location: str = LOCATION,
        sabotage: str | None = None,
        enter: Callable[[], None] | None = None,
        **environment: str,
    ) -> Process:
        """A process that serves a location under a key of its own; it is online when this returns."""
        key = self.api("POST", "/v1/probes", {"name": name, "location": location})["data"]["key"]
        arguments = ["probe", "--location", location, "--url", api_url or self.url]
        process = self.add(name, arguments, sabotage=sabotage, enter=enter, TRACER_PROBE_KEY=key, **environment)
        wait_for(lambda: self.online(name), f"{name} online\n{self.log(name)}")
        return process

    def online(self, name: str) -> bool:
        """Whether the API sees the probe of that name."""
        probes = self.api("GET", "/v1/probes")["data"]
        return any(probe["name"] == name and probe["status"] == "online" for probe in probes)

    def healthy(self) -> bool:
        try:
            return bool(self.api.once("GET", "/health")["status"] == "ok")
        except OSError:
            return False

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def complaints(self) -> list[str]:
        """Lines logged as errors, by any process."""
        found: list[str] = []
        for path in self.folder.glob("*.log"):
            for line in path.read_text().splitlines():
                if '"level": "error"' in line or '"level": "critical"' in line:
                    found.append(f"{path.stem}: {line}")  # noqa: PERF401
        return found

    def monitor(self, url: str, **fields: Any) -> dict[str, Any]:
        body = {"name": "watched", "type": "url", "url": url, "interval": 2, "locations": [LOCATION], **fields}
        created: dict[str, Any] = self.api("POST", "/v1/monitors", body)["data"]
        return created

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()

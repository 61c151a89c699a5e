"""An organization with one of everything, for the tests of the audit log."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.telemetry_shapes import issue_id
from model.ids import new_id
from store.keyring import Keyring
from store.notifications import enqueue
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.stored.head import read_head
from tests.api.conftest import Client, MakeKey
from tests.api.journeys import SEED as JOURNEY
from tests.api.pages.world import Browser, add_alert
from tests.api.people import Crowd
from tests.api.test_fleet import come_online
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, make_project

HOOK = {"name": "Ops", "type": "webhook", "config": {"url": "http://127.0.0.1:9/hook"}}
POST = {"status": "investigating", "message": "We look into it."}
_NUMBERS = itertools.count()
WINDOW = {"name": "Nightly", "cron": "0 3 * * *", "duration": 60, "apply_to": {"all": True}}


@dataclass
class Place:
    """An organization with one of everything, and those who may change it."""

    owner: Client
    browser: Browser
    database: Database
    keyring: Keyring
    organization: str
    clock: Clock
    make_key: MakeKey
    crowd: Crowd

    def made(self, path: str, body: Any) -> str:
        return str(self.owner.data("POST", path, body, status=201)["id"])

    def monitor(self) -> str:
        return self.made("/v1/monitors", url_monitor())

    def journey(self) -> str:
        return self.made("/v1/journeys", {**JOURNEY, "tags": ["smoke"]})

    def rule(self) -> str:
        return self.made("/v1/alert-rules", {"name": "Silence", "type": "no_data"})

    def channel(self) -> str:
        return self.made("/v1/alert-channels", HOOK)

    def window(self) -> str:
        return self.made("/v1/maintenance-windows", WINDOW)

    def window_now(self) -> str:
        """One that holds."""
        times = {"starts_at": "2024-01-15T00:00:00Z", "ends_at": "2024-02-10T00:00:00Z"}
        return self.made("/v1/maintenance-windows", {"name": "Move", "apply_to": {"all": True}, **times})

    def silence(self) -> str:
        return self.made("/v1/silences", {"match": {"all": True}, "for": 60})

    def variable(self) -> str:
        return self.made("/v1/variables", {"name": "PASSWORD", "value": "hunter2"})

    def key(self) -> str:
        return self.made("/v1/api-keys", {"name": "CI", "scopes": ["run"]})

    def probe(self) -> str:
        return self.made("/v1/probes", {"name": "p", "location": "eu-west"})

    def online(self) -> None:
        """A probe at `local` that is there, with a browser."""
        probe = self.owner.data("POST", "/v1/probes", {"name": "here", "location": "local"}, status=201)
        come_online(self.database, self.organization, probe, self.clock, probe["id"], ("network", "browser"))

    def draft(self) -> str:
        """A monitor that is being tried out."""
        self.online()
        return str(self.owner.data("POST", "/v1/monitors/try?wait=0", url_monitor(), status=202)["id"])

    def journey_draft(self) -> str:
        """A journey that is being tried out."""
        self.online()
        return str(
            self.owner.data("POST", "/v1/journeys/try?wait=0", {**JOURNEY, "locations": ["local"]}, status=202)["id"]
        )

    def page(self) -> str:
        """A public status page with nothing on it."""
        return self.made("/v1/status-pages", {"slug": self.slug(), "title": "Status"})

    def slug(self) -> str:
        """One that no page has yet."""
        return f"status-{next(_NUMBERS)}"

    def status_update(self) -> tuple[str, str]:
        """(a page, an update on it)"""
        page = self.page()
        return page, self.made(f"/v1/status-pages/{page}/updates", POST)

    def update(self) -> str:
        return self.status_update()[1]

    def check(self) -> str:
        return self.monitor()

    def member(self) -> str:
        return self.crowd.member("viewer", "Grace").id

    def alert(self) -> str:
        return add_alert(self.database, self.organization, self.monitor(), [], self.clock.now_ms)

    def reports(self) -> Reports:
        return make_project(self.owner, f"shop{new_id('x', self.clock.now_ms)[-9:]}")

    def project(self) -> str:
        return str(self.reports().project["project_id"])

    def public_key(self) -> str:
        return self.reports().key

    def issue(self) -> str:
        reports = self.reports()
        reports.events(event("e1", trace_id=reports.key, message="Kanarienvogel"))
        with self.database.telemetry.read(EVERY_ORGANIZATION) as session:
            return issue_id(read_head(session).issues)

    def event_rule(self) -> str:
        rule = {"name": "Kanarienvogel", "project": self.reports().project["slug"]}
        return str(self.owner("POST", "/v1/alerts/rules", rule).get_json()["id"])

    def trace(self) -> str:
        reports = self.reports()
        reports.events(event("e1", trace_id=reports.key, message="Kanarienvogel"))
        return reports.key

    def agent_session(self) -> str:
        self.owner("POST", "/api/traces", {"name": "Kanarienvogel", "session_id": "trace_kanarienvogel"})
        return "trace_kanarienvogel"

    def incident(self) -> str:
        """Of a run of an agent that failed."""
        session = self.agent_session()
        failed = {
            "seq": 1, "type": "error", "timestamp": "2024-01-15T10:29:00Z", "idempotency_key": "k1",
            "payload": {"message": "Kanarienvogel"},
        }  # fmt: skip
        self.owner("POST", f"/api/traces/{session}/events", failed)
        return str(self.owner("POST", f"/api/traces/{session}/analyze").get_json()["incident_id"])

    def regression_run(self) -> str:
        """Of the incident: the one that runs."""
        path = f"/api/incidents/{self.incident()}"
        self.owner("POST", f"{path}/regression-runs", {})
        return str(self.owner("GET", path).get_json()["regression"]["id"])

    def fix(self) -> str:
        """Of the incident: the newest."""
        path = f"/api/incidents/{self.incident()}"
        self.owner("POST", f"{path}/fix-agent", {})
        return str(self.owner("GET", path).get_json()["fix"]["id"])

    def notification(self) -> str:
        channel = self.channel()
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            [made] = enqueue(
                session, organization_id=self.organization, subject_id="ntc_0123456789", event="notice", number=1,
                channel_ids=[channel], payload={}, now_ms=1,
            )  # fmt: skip
        return made


Deed = Callable[[Place], Callable[[], Any]]
"""Makes what is needed; what it answers then does the one thing that is to be told."""


@dataclass(frozen=True)
class Rest:
    """A request by the owner; a name in {} is one of what Place makes."""

    method: str
    path: str
    body: Any = None

    def __call__(self, place: Place) -> Callable[[], Any]:
        path = self.path_in(place)
        return lambda: place.owner(self.method, path, self.body)

    def path_in(self, place: Place) -> str:
        if "{" not in self.path:
            return self.path
        name = self.path.partition("{")[2].partition("}")[0]
        return self.path.replace(f"{{{name}}}", getattr(place, name)())

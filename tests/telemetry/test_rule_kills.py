"""SIGKILL while events are judged: each group that a rule holds for has one alert, one firing, one notice."""

from __future__ import annotations

import http.client
import itertools
import json
import os
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from model.ids import new_id
from store.alert_rules import create_rule
from store.alert_tables import OF_PROJECTS, Alert
from store.firing_tables import Firing
from store.projects import NewProject, create_project, keys_of
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency
from telemetry.judging import EventJudge
from telemetry.rules import EventRule
from tests.alerts.alerting import add_channel, outbox
from tests.conftest import Clock
from tests.system.processes import FORKS
from tests.telemetry.reporting import message

LIVES = int(os.environ.get("TRACER_TEST_JUDGE_KILLS", "16")) // 8
"""For each point and store; more by the environment."""
KINDS = 12
"""New groups in each life."""
POINTS = ("read", "judged", "written", "kept")
THRESHOLD = 3


class Site:
    """A project with a rule on the kinds of its events, and what was acknowledged of them."""

    def __init__(self, database: Database, url: str, organization: str, now_ms: int) -> None:
        self._database, self._url = database, url
        self._numbers = itertools.count()
        self.acknowledged: Counter[str] = Counter()
        channel = add_channel(database, organization)
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            project = create_project(session, organization, NewProject("Shop", "shop"), now_ms)
            self._key = keys_of(session, [project])[project.id][0].public_key
            rule = EventRule(
                name="r", project=project.id, group_by="kind", threshold=THRESHOLD, window="24h", cooldown="30d",
                channels=(channel,),
            )  # fmt: skip
            create_rule(session, organization, {"type": OF_PROJECTS, **rule.model_dump(mode="json")}, 0)

    def life(self, dies_at: str, after: int, life: int, sabotage: str = "", others: int = 0) -> None:
        """Servers that judge, one of which is killed at that point; events are sent until it is."""
        from tests.telemetry.killed_server import serve_and_judge

        started = []
        for number in range(others + 1):
            ours, theirs = FORKS.Pipe()
            point = dies_at if number == 0 else ""
            process = FORKS.Process(
                target=serve_and_judge, args=(self._url, theirs, sabotage, point, after), daemon=True
            )
            process.start()
            started.append((process, ours))
        ports = []
        for _, ours in started:
            assert ours.poll(40), "it did not start"
            ports.append(ours.recv())
        mortal = started[0][0]
        sent = 0
        while mortal.is_alive() and sent < 3_000:
            self._send(ports[sent % len(ports)], life)
            sent += 1
        assert not mortal.is_alive(), f"it never came to {dies_at}"
        for process, _ in started:
            process.kill()
            process.join()

    def _send(self, port: int, life: int) -> None:
        number = next(self._numbers)
        kind = f"l{life}k{number % KINDS}"
        body = json.dumps({"events": [message(f"e{number}", "x", tags={"kind": kind})]})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/v1/events", body, {"X-Open-Sentry-Key": self._key})
            if connection.getresponse().status == 202:
                self.acknowledged[kind] += 1
        except (OSError, http.client.HTTPException):
            return  # killed meanwhile: whether it was stored nobody knows
        finally:
            connection.close()

    def faults(self) -> list[str]:
        """What was lost and what was doubled, once all is judged."""
        EventJudge(self._database).work()
        with self._database.read(EVERY_ORGANIZATION) as session:
            alerts = Counter(session.scalars(select(Alert.group_key)))
            firings = Counter(session.scalars(select(Firing.group_key)))
        with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
            stored = Counter(json.loads(tags)["kind"] for (tags,) in rows(session, "SELECT tags FROM events"))
        told = outbox(self._database)
        wrong = [f"{kind}: lost" for kind, count in self.acknowledged.items() if stored[kind] < count]
        wrong += [f"{kind}: no alert" for kind, count in stored.items() if count >= THRESHOLD and not alerts[kind]]
        wrong += [f"{kind}: {n} alerts" for kind, n in alerts.items() if n != 1]
        wrong += [f"{kind}: {firings[kind]} firings" for kind in alerts if firings[kind] != 1]
        return wrong if len(told) == len(alerts) else [*wrong, f"{len(told)} notices of {len(alerts)} alerts"]


@pytest.fixture
def database(database_url: str) -> Any:
    """By the clock of the processes."""
    from tests.conftest import KEYRING

    opened = Database(database_url)
    opened.seal_with(KEYRING.signature)
    yield opened
    opened.close()


@pytest.fixture
def site(database: Database, database_url: str, clock: Clock) -> Site:
    from store.tables import Organization

    organization = new_id("org", clock.now_ms)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(Organization(id=organization, name="o", default_locations=["local"], created_ms=clock.now_ms))
    return Site(database, database_url, organization, clock.now_ms)


@pytest.mark.timeout(120 + LIVES * 30)
@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_is_killed_while_it_judges_loses_nothing_and_doubles_nothing(
    site: Site, database: Database, point: str
) -> None:
    """On PostgreSQL another one judges beside it."""
    for life in range(LIVES):
        site.life(point, 2 + life % 3, life, others=0 if database.sqlite else 1)
    assert site.acknowledged
    assert site.faults() == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_build_that_keeps_its_place_before_what_follows_from_it_is_caught(site: Site) -> None:
    site.life("torn", 1, 0, "keeps its place first")
    assert any("no alert" in fault for fault in site.faults()), "the killing has no teeth"

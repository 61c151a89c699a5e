"""How far a journey has come: kept while it is walked under the token that says so, told to the stream, gone then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from flask import Flask
from sqlalchemy import select

from alerts.record import record
from api import probe_progress
from api.errors import Malformed
from api.probe_progress import take_progress
from api.schemas.journeys import BatchAnswer
from api.schemas.runs import RunAnswer
from api.server import Server
from model.finished import Finished
from model.ids import slot_run_id
from model.outcome import RunError, RunStatus, Trigger
from model.protocol import LEASE_MS
from model.settings import Settings
from store.dispatches import NewDispatch, add_dispatches, reopen_lost
from store.journey_tables import WalkProgress
from store.keyring import Keyring
from store.retention_walk import Deleting
from store.service_clock import ABSENT_MS, beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.walk_progress import KEPT_MS, progress_of_check, progress_steps
from store.write_lock import Urgency
from tests.api.conftest import Client, MakeKey
from tests.api.journeys import make
from tests.api.listening import Listener
from tests.api.walks import Walker
from tests.api.wire import ask
from tests.conftest import Clock

STEPS = [{"type": "goto", "url": "https://shop.example.com/"}, *({"type": "click", "selector": "#a"} for _ in "23")]


@pytest.fixture
def walker(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Walker:
    return Walker(database, keyring, organization, clock)


@pytest.fixture
def journey(owner: Client) -> str:
    return str(make(owner, steps=STEPS, locations=["local"], tags=["smoke"])["id"])


@pytest.fixture
def run(owner: Client, walker: Walker, journey: str) -> str:
    """One that was asked for and is at the probe."""
    asked = owner.data("POST", f"/v1/journeys/{journey}/run", status=202)["run_id"]
    assert walker.lease() == [asked]
    return str(asked)


def progress(owner: Client, run_id: str) -> Any:
    return owner.data("GET", f"/v1/runs/{run_id}")["progress"]


def stored(database: Database) -> list[str]:
    with database.read(EVERY_ORGANIZATION) as session:
        return list(session.scalars(select(WalkProgress.run_id)))


def test_a_run_shows_how_far_it_is_while_it_is_walked_and_not_before_or_after(
    owner: Client, walker: Walker, database: Database, run: str
) -> None:
    assert progress(owner, run) is None
    assert walker.tell(run).accepted == 1
    assert progress(owner, run)["ended"] == 0
    walker.tell(run, "success", attempt=2)
    answer = owner("GET", f"/v1/runs/{run}").get_json()
    RunAnswer.model_validate(answer)
    shown = answer["data"]["progress"]
    assert shown == {
        "attempt": 2, "started_at": "2024-01-15T10:29:58.500Z", "total": 3, "ended": 1,
        "step": {"index": 1, "type": "click", "name": None},
        "steps": [{"index": 0, "type": "click", "name": None, "status": "success", "duration_ms": 120}],
    }  # fmt: skip
    assert owner.data("GET", f"/v1/runs/{run}/steps") == [], "steps are a run's that has ended"
    assert walker.end(run).accepted == 1
    assert progress(owner, run) is None
    assert stored(database) == []


def test_a_word_that_comes_after_the_end_is_refused_and_leaves_nothing(
    walker: Walker, database: Database, run: str
) -> None:
    walker.end(run)
    assert [refusal.reason for refusal in walker.tell(run, "success").refused] == ["the run has ended"]
    assert stored(database) == []


def test_a_stale_token_is_refused_and_what_it_said_is_shown_no_more(
    owner: Client, walker: Walker, database: Database, keyring: Keyring, organization: str, clock: Clock, run: str
) -> None:
    walker.tell(run, "success", "success")
    for _ in range(0, LEASE_MS + 2 * ABSENT_MS, ABSENT_MS):  # the API serves, and hears nothing of the probe
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, clock.now_ms)
        clock.advance(ABSENT_MS)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert reopen_lost(session, clock.now_ms, 100)
    assert progress(owner, run) is None, "nobody walks it"
    other = Walker(database, keyring, organization, clock, name="other")
    other.instance = "two"
    assert other.lease() == [run]
    assert progress(owner, run) is None, "the new probe has not said"
    assert [refusal.reason for refusal in walker.tell(run, "success").refused] == [
        "the run was leased to another probe"
    ]
    other.tell(run)
    assert progress(owner, run)["ended"] == 0


def test_a_run_that_is_given_back_has_come_nowhere(owner: Client, walker: Walker, run: str) -> None:
    walker.tell(run, "success")
    walker.give_back(run)
    assert progress(owner, run) is None


def test_a_probe_says_nothing_of_another_places_runs(
    database: Database, keyring: Keyring, organization: str, clock: Clock, walker: Walker, run: str
) -> None:
    elsewhere = Walker(database, keyring, organization, clock, "eu-west")
    elsewhere.leased = walker.leased
    assert elsewhere.tell(run).accepted == 0
    assert stored(database) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"total": 1, "steps": [{"index": 0, "type": "a", "status": "success"}] * 2}, {"total": 201}, {"total": -1},
        {"attempt": 0}, {"elapsed_ms": -1.0}, {"elapsed_ms": 1e300}, {"check_version": 2**40},
        {"steps": [{"index": 1, "type": "a", "status": "success"}]}, {"under_way": {"type": "<b>"}},
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_by_name(walker: Walker, run: str, facts: dict[str, Any]) -> None:
    [refusal] = walker.tell(run, "success", **facts).refused
    assert (refusal.run_id, refusal.reason.partition(":")[0]) == (run, "malformed")


def test_what_no_store_can_hold_is_cut_out(owner: Client, walker: Walker, run: str) -> None:
    name = "a\x00b" + "x" * 999
    assert walker.tell(run, under_way={"type": "click", "name": name}).accepted == 1
    assert progress(owner, run)["step"]["name"] == ("ab" + "x" * 999)[:200]


def test_a_body_that_is_no_message_is_refused(database: Database, walker: Walker) -> None:
    for body in (b"", b"[]", b'{"protocol":1,"instance":"a","runs":[{}]}', b'{"protocol":1,"instance":"a","runs":1}'):
        with pytest.raises(Malformed):
            take_progress(database, walker.holder, body)


def test_the_stream_tells_it_and_leaves_out_what_is_over(
    app: Flask, database: Database, keyring: Keyring, make_key: MakeKey, walker: Walker, run: str, journey: str
) -> None:
    with Server(app, database, keyring, Settings(port=0)) as server:
        stream = Listener(server, make_key(("read",)))
        assert stream.comment() == ": connected"
        walker.tell(run, "success")
        told = stream.message()
        assert (told.event, told.data["id"], told.data["journey_id"], told.data["location"]) == (
            "progress", run, journey, "local",
        )  # fmt: skip
        assert (told.data["progress"]["ended"], told.data["progress"]["step"]["index"]) == (1, 1)
        assert "steps" not in told.data["progress"]
        walker.tell(run, "success", "success")
        walker.end(run)
        stream.close()
        late = Listener(server, make_key(("read",)), after=told.id)
        assert late.message().event == "run"
        late.close()


def test_who_catches_up_is_told_the_newest_word_once(
    app: Flask, database: Database, keyring: Keyring, make_key: MakeKey, walker: Walker, run: str
) -> None:
    for ended in range(3):
        walker.tell(run, *["success"] * ended)
    with Server(app, database, keyring, Settings(port=0)) as server:
        stream = Listener(server, make_key(("read",)), after=0)
        told = stream.message()
        assert (told.id, told.event, told.data["progress"]["ended"]) == (3, "progress", 2)
        walker.end(run)
        assert stream.message().event == "run"
        stream.close()


def test_over_the_wire_it_needs_a_probes_key(
    app: Flask, database: Database, keyring: Keyring, owner: Client, walker: Walker, run: str
) -> None:
    dispatch_id, token, leased = walker.leased[run]
    walk = {"run_id": run, "dispatch_id": dispatch_id, "token": token, "check_id": leased.check_id,
            "check_version": 1, "total": 3, "of_a_newer_probe": True}  # fmt: skip
    body = msgspec.json.encode({"protocol": 1, "instance": "one", "runs": [walk]})
    with Server(app, database, keyring, Settings(port=0)) as server:
        path = "/v1/probe/progress"
        assert ask(server, "POST", path, body).status == 401
        assert ask(server, "POST", path, body, "Authorization: Bearer tprb_wrong").status == 401
        good = ask(server, "POST", path, body, f"Authorization: Bearer {walker.key}")
        assert (good.status, good.json["accepted"]) == (200, 1)
        assert ask(server, "GET", path, b"", f"Authorization: Bearer {walker.key}").status == 405


def test_it_waits_for_nothing_others_are_served_first(
    app: Flask, database: Database, keyring: Keyring, walker: Walker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_progress, "AT_ONCE", 0)
    with Server(app, database, keyring, Settings(port=0)) as server:
        answer = ask(server, "POST", "/v1/probe/progress", b"{}", f"Authorization: Bearer {walker.key}")
    assert (answer.status, answer.code) == (503, "unavailable")


def test_a_batch_shows_it_too(owner: Client, walker: Walker, journey: str) -> None:
    batch = owner.data("POST", "/v1/journeys/run-tag/smoke", {}, status=202)
    [run_id] = walker.lease()
    walker.tell(run_id, "success")
    answer = owner("GET", f"/v1/batches/{batch['batch_id']}").get_json()
    BatchAnswer.model_validate(answer)
    [shown] = answer["data"]["runs"]
    assert (shown["progress"]["ended"], shown["progress"]["total"]) == (1, 3)
    walker.end(run_id)
    [shown] = owner.data("GET", f"/v1/batches/{batch['batch_id']}")["runs"]
    assert shown["progress"] is None


def test_a_run_of_the_schedule_is_known_to_its_journey_before_it_has_a_row(
    database: Database, organization: str, walker: Walker, journey: str, clock: Clock
) -> None:
    run_id = slot_run_id(journey, "local", clock.now_ms)
    planned = [(run_id, journey, clock.now_ms, clock.now_ms + 60_000, "schedule")]
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        add_dispatches(session, [NewDispatch(organization, "local", "browser", planned)], clock.now_ms)  # type: ignore[arg-type]
    assert walker.lease() == [run_id]
    walker.tell(run_id, "success")
    with database.read(organization) as session:
        assert [walk.run_id for walk in progress_of_check(session, journey)] == [run_id]


def test_one_that_somebody_else_ended_is_forgotten_too(
    database: Database, organization: str, walker: Walker, journey: str, run: str, clock: Clock
) -> None:
    """By the scheduler, that has given the probe up."""
    walker.tell(run, "success")
    lost = Finished(
        run_id=run, organization_id=organization, check_id=journey, check_version=1, location="local",
        at_ms=clock.now_ms, status=RunStatus.UNKNOWN, trigger=Trigger.MANUAL, error=RunError("probe_lost", "gone"),
        dispatch_id=walker.leased[run][0],
    )  # fmt: skip
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert record(session, [lost], clock.now_ms) == []
    assert stored(database) == []


def test_what_no_end_took_away_goes_with_time(
    database: Database, walker: Walker, run: str, clock: Clock
) -> None:  # fmt: skip
    walker.tell(run, "success")
    deleting = Deleting(database)
    assert list(progress_steps(deleting, clock.now_ms - KEPT_MS)) == []
    clock.advance(KEPT_MS + 1)
    assert list(progress_steps(deleting, clock.now_ms - KEPT_MS)) == [1]
    assert stored(database) == []

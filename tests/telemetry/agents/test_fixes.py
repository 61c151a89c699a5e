"""/api/incidents/:id/fix-agent: a diff that applies, or a labelled fallback that says why; nothing of it is lost."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from api import fixes as fixes_api
from api.services import Services, install
from model.settings import Settings
from store.fixes import KEPT
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.agents.detectors.registry import LABELS, PLANS
from telemetry.agents.fixing import work
from telemetry.agents.fixing.runners import Proposal
from telemetry.agents.fixing.work import LEASE_MS, Fixing
from telemetry.agents.plans import plan_for
from tests.api.client import Client
from tests.api.people import Crowd
from tests.conftest import Clock
from tests.store.auditing import actions, events
from tests.telemetry.agents.fixes import GOOD, answering, command, make_repository
from tests.telemetry.agents.test_incidents import BOOM, LOOP, failed
from tests.telemetry.reporting import make_project

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
NEVER = "while True: time.sleep(1)\n"


class Shop:
    """An incident of a project with a repository, and who makes fixes."""

    def __init__(
        self, app: Flask, owner: Client, database: Database, keyring: Keyring, settings: Settings, folder: Path
    ) -> None:
        self.owner, self.database, self.keyring, self.folder = owner, database, keyring, folder
        self._app, self._settings = app, settings
        make_repository(folder / "repositories/shop")
        self.set()
        self.project = make_project(owner, "shop").project["project_id"]
        answer = owner("PUT", "/v1/projects/shop", {"repository": "shop"})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.incident = failed(owner, LOOP, project_id="shop")

    def set(self, fix_command: str | None = "fix", **more: Any) -> None:
        changed = {"fix_command": fix_command, "fix_repositories": self.folder / "repositories", **more}
        self._settings = self._settings.model_copy(update=changed)
        install(self._app, Services(self.database, self.keyring, self._settings))

    def fixing(self, **more: Any) -> Fixing:
        return Fixing(self.database, self.keyring, self._settings, more.pop("owner", "me"), **more)

    def ask(self, client: Client | None = None, status: int = 202, body: Any = None) -> dict[str, Any]:
        path = f"/api/incidents/{self.incident}/fix-agent?wait=0"
        answer = (client or self.owner)("POST", path, {} if body is None else body)
        assert answer.status_code == status, answer.get_data(as_text=True)
        found: dict[str, Any] = answer.get_json()
        return found

    def fix(self) -> dict[str, Any]:
        found: dict[str, Any] = self.owner("GET", f"/api/incidents/{self.incident}").get_json()["fix"]
        return found

    def made(self, fix_command: str, **more: Any) -> dict[str, Any]:
        """What comes of it."""
        self.set(fix_command, **more)
        self.ask()
        fixing = self.fixing()
        assert fixing.step()
        fixing.stop()
        return self.fix()


@pytest.fixture
def shop(
    app: Flask, owner: Client, database: Database, keyring: Keyring, settings: Settings, tmp_path: Path
) -> Shop:  # fmt: skip
    return Shop(app, owner, database, keyring, settings, tmp_path)


def test_a_diff_that_applies_is_proposed_and_told_everywhere(shop: Shop, tmp_path: Path) -> None:
    past = len(events(shop.database))
    made = shop.made(answering(tmp_path / "c", GOOD))
    assert (made["status"], made["plan"], made["diff"], made["reason"]) == ("proposed", ["Limit it."], GOOD, None)
    assert (made["label"], made["project_id"], len(made["revision"])) == ("tool_loop", shop.project, 40)
    assert actions(shop.database, past=past) == ["incident.fix_requested", "incident.fix_proposed"]
    assert [event.actor_name for event in events(shop.database, past=past)] == ["test", "Tracer"]
    history = shop.owner("GET", f"/api/incidents/{shop.incident}").get_json()["history"]
    assert (history[-1]["kind"], history[-1]["to"], history[-1]["by"]) == ("fix", "proposed", "test")
    [listed] = shop.owner("GET", "/api/incidents").get_json()["incidents"]
    assert (listed["fix"]["status"], "diff" in listed["fix"]) == ("proposed", False)


@sqlite_only
def test_a_command_sees_the_incident_and_nothing_of_ours(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_API_KEY", "secret-of-ours")
    seen = tmp_path / "seen.json"
    body = (
        "told = json.load(sys.stdin)\n"
        "here = {'told': told, 'env': dict(os.environ), 'files': os.listdir('.'), 'cwd': os.getcwd()}\n"
        f"open({str(seen)!r}, 'w').write(json.dumps(here))\n"
        f"print(json.dumps({{'plan': ['x'], 'diff': {GOOD!r}}}))\n"
    )
    assert shop.made(command(tmp_path / "c", body))["status"] == "proposed"

    found = json.loads(seen.read_text())
    assert set(found["env"]) <= {"LC_CTYPE"}, "Python adds that one itself"
    assert found["files"] == []
    assert not Path(found["cwd"]).exists()
    told = found["told"]
    assert told["incident"]["id"] == shop.incident
    [session] = told["sessions"]
    assert session["detectors"][0]["label"] == "tool_loop"
    assert {event["seq"] for event in session["events"]} <= set(session["detectors"][0]["evidence"])
    assert session["events"][0]["payload"]["tool"] == "http"
    assert told["plan"] == plan_for("tool_loop", told["incident"]["title"])
    assert told["repository"]["address"] == "shop"
    assert "secret-of-ours" not in seen.read_text()


HOSTILE = {
    "never ends": (NEVER, "did not end within 1 s, and was killed"),
    "floods": ("while True: sys.stdout.write('x' * 65536)\n", "said more than 1024 KiB, and was killed"),
    "fails": ("sys.exit(3)\n", "ended with the exit code 3"),
    "says no JSON": ("print('Sure! Here is the fix')\n", "did not answer a plan and a diff as JSON"),
    "says nothing": ("", "did not answer a plan and a diff as JSON"),
    "says no plan": ('print(\'{"diff": "x"}\')\n', "did not answer a plan and a diff as JSON"),
    "says an empty plan": ('print(\'{"plan": [], "diff": "x"}\')\n', "did not answer a plan and a diff as JSON"),
    "says NUL": ('print(\'{"plan": ["a\\\\u0000"], "diff": null}\')\n', "answered a plan with a NUL character"),
    "has no diff": ('print(\'{"plan": ["a"], "diff": null}\')\n', "no diff was proposed"),
    "complains": ("sys.stderr.write('x' * 500_000)\nsys.exit(1)\n", "ended with the exit code 1"),
}


@sqlite_only
@pytest.mark.parametrize(("body", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_what_a_command_does_wrong_is_a_fallback_that_says_so(
    shop: Shop, tmp_path: Path, body: str, reason: str
) -> None:
    made = shop.made(command(tmp_path / "c", body), fix_timeout_s=1 if body == NEVER else 30)
    assert (made["status"], made["label"], made["diff"]) == ("fallback", "tool_loop", None)
    assert reason in made["reason"]
    assert made["plan"][1:] == list(PLANS["tool_loop"])


@sqlite_only
def test_a_program_that_is_not_there_is_told(shop: Shop, tmp_path: Path) -> None:
    assert "can't be started" in shop.made(str(tmp_path / "none"))["reason"]


@sqlite_only
def test_no_shell_reads_the_command(shop: Shop, tmp_path: Path) -> None:
    made = shop.made(f"{answering(tmp_path / 'c', GOOD)} ; touch {tmp_path / 'touched'}")
    assert made["status"] == "proposed"
    assert not (tmp_path / "touched").exists()


@sqlite_only
@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        (GOOD.replace("None", "7"), "the diff that was proposed does not apply to the repository"),
        (GOOD.replace("shop/agent.py", "../agent.py"), "the diff that was proposed leads out of the repository"),
        ("", "no diff was proposed"),
    ],
)
def test_a_diff_that_can_not_be_taken_is_a_fallback(shop: Shop, tmp_path: Path, diff: str, reason: str) -> None:
    made = shop.made(answering(tmp_path / "c", diff))
    assert (made["status"], made["diff"], made["plan"]) == ("fallback", None, plan_for("tool_loop", title(shop)))
    assert made["reason"].startswith(reason)


@sqlite_only
def test_git_reaches_no_address_that_the_operator_has_not_allowed(shop: Shop, tmp_path: Path) -> None:
    arrived: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def turn_away() -> None:
            with suppress(OSError):  # it is closed at the end
                while True:
                    caller, address = listener.accept()
                    arrived.append(address)
                    caller.close()

        turning = threading.Thread(target=turn_away, daemon=True)
        turning.start()
        inner = f"https://127.0.0.1:{listener.getsockname()[1]}/shop.git"
        assert shop.owner("PUT", "/v1/projects/shop", {"repository": inner}).status_code == 200
        made = shop.made(answering(tmp_path / "c", GOOD), allow_nets=["192.168.0.0/16"])
        listener.shutdown(socket.SHUT_RDWR)
        turning.join(10)
    assert (made["status"], "TRACER_ALLOW_NETS" in made["reason"]) == ("fallback", True), made["reason"]
    assert arrived == []


def title(shop: Shop) -> str:
    return str(shop.owner("GET", f"/api/incidents/{shop.incident}").get_json()["title"])


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_a_plan_of_its_own(label: str) -> None:
    plan = plan_for(label, "X answers 500")
    assert plan[0] == "Look at what its failures have in common: X answers 500."
    assert len(plan) >= 4
    assert all(line.endswith(".") for line in plan)
    assert sum(PLANS[label] == other for other in PLANS.values()) == 1


def test_with_nobody_to_ask_the_fallback_is_answered_at_once(shop: Shop) -> None:
    shop.set(None)
    made = shop.ask(status=200)
    assert (made["status"], made["label"], made["diff"]) == ("fallback", "tool_loop", None)
    assert made["reason"] == "no command is set that proposes fixes (TRACER_FIX_COMMAND)"
    shop.set()
    shop.owner("PUT", "/v1/projects/shop", {"repository": None})
    assert shop.ask(status=200)["reason"].startswith("no project has a repository: set one")
    assert not shop.fixing().step()


def test_one_at_a_time(shop: Shop, tmp_path: Path) -> None:
    assert shop.ask()["status"] == "running"
    assert shop.ask(status=409)["error"]["code"] == "conflict"
    fixing = shop.fixing(runner=Says(Proposal(["a"], GOOD)))
    assert fixing.step()
    assert not fixing.step()
    assert shop.fix()["status"] == "proposed"
    assert shop.ask()["status"] == "running"


class Says:
    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal
        self.asked = 0

    def propose(self, incident: dict[str, Any]) -> Proposal:
        self.asked += 1
        return self.proposal


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("point", ["taken", "judged"])
def test_killed_in_the_middle_it_is_taken_again_and_then_given_up(shop: Shop, clock: Clock, point: str) -> None:
    def die(reached: str) -> None:
        if reached == point:
            raise _KilledError

    shop.ask()
    runner = Says(Proposal(["a"], GOOD))
    with pytest.raises(_KilledError):
        shop.fixing(runner=runner, reached=die).step()
    assert not shop.fixing(runner=runner, owner="other").step(), "somebody may still be at it"
    clock.advance(LEASE_MS)
    assert shop.fixing(runner=runner, owner="other").step()
    assert shop.fix()["status"] == "proposed"
    shop.ask()
    for _ in range(work.MOST_TRIES):
        with pytest.raises(_KilledError):
            shop.fixing(runner=runner, reached=die).step()
        clock.advance(LEASE_MS)
    assert shop.fixing(runner=runner).step()
    assert (shop.fix()["status"], "each time" in shop.fix()["reason"]) == ("fallback", True)


@sqlite_only
def test_a_server_that_stops_leaves_it_to_the_next(shop: Shop, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    shop.set(command(tmp_path / "c", f"open({str(begun)!r}, 'w').close()\n{NEVER}"))
    shop.ask()
    fixing = shop.fixing()
    fixing.work()
    begun.open("rb").close()
    fixing.stop()
    assert shop.fix()["status"] == "running"
    assert shop.fixing(runner=Says(Proposal(["a"], GOOD)), owner="next").step()
    assert shop.fix()["status"] == "proposed"


@sqlite_only
def test_who_waits_is_answered_when_it_ends(shop: Shop) -> None:
    fixing = shop.fixing(runner=Says(Proposal(["a"], GOOD)))
    asked = threading.Event()
    shop.database.wakeups.subscribe("fixes", asked.set)

    def make() -> None:
        asked.wait(10)
        fixing.step()

    making = threading.Thread(target=make)
    making.start()
    answer = shop.owner("POST", f"/api/incidents/{shop.incident}/fix-agent?wait=20")
    making.join()
    assert (answer.status_code, answer.get_json()["status"]) == (200, "proposed")
    held = [fixes_api._waiters.acquire(blocking=False) for _ in range(fixes_api.MOST_WAITING)]
    try:
        assert all(held)
        answer = shop.owner("POST", f"/api/incidents/{shop.incident}/fix-agent?wait=20")
        assert answer.status_code == 202, "nobody waits when enough do"
    finally:
        for _ in held:
            fixes_api._waiters.release()


def test_whose_it_is_not_can_not_ask(
    shop: Shop, client_of: Callable[..., Client], make_organization: Callable[[str], str], crowd: Crowd
) -> None:
    make_project(shop.owner, "other")
    made = shop.owner.data(
        "POST", "/v1/api-keys", {"name": "K", "scopes": ["write"], "projects": ["other"]}, status=201
    )
    shop.ask(Client(shop.owner.client, made["key"]), status=403)
    shop.ask(client_of("write", organization_id=make_organization("Other")), status=404)
    shop.ask(client_of("read"), status=403)
    shop.ask(body={"project_id": "other"}, status=422)
    shop.ask(body={"project_id": "none"}, status=404)
    shop.ask(body={"colour": "red"}, status=422)
    assert shop.fix() is None
    assert shop.ask(crowd.client(crowd.member("member", "Ada")))["requested_by"] == "Ada"


@sqlite_only
def test_who_may_see_another_project_alone_does_not_see_its_fix(shop: Shop) -> None:
    make_project(shop.owner, "other")
    failed(shop.owner, LOOP, "trace_2", project_id="other")
    made = shop.owner.data("POST", "/v1/api-keys", {"name": "K", "scopes": ["read"], "projects": ["other"]}, status=201)
    shop.ask()
    theirs = Client(shop.owner.client, made["key"])
    assert theirs("GET", f"/api/incidents/{shop.incident}").get_json()["fix"] is None
    assert shop.fix()["status"] == "running"


def test_only_so_many_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    from sqlalchemy import select

    from store import fixes
    from store.fix_tables import IncidentFix

    monkeypatch.setattr(fixes, "KEPT", 2)
    shop.set(None)
    for _ in range(4):
        clock.advance(1)
        newest = shop.ask(status=200)["id"]
    with shop.database.read(EVERY_ORGANIZATION) as session:
        assert len(session.scalars(select(IncidentFix)).all()) == 2
    assert shop.fix()["id"] == newest


@sqlite_only
def test_the_sample_command_makes_a_real_diff(shop: Shop) -> None:
    sample = Path(__file__).parents[3] / "examples/propose_fix.py"
    file = shop.folder / "repositories/shop/shop/agent.py"
    made = shop.made(f"{sys.executable} {sample} {file} shop/agent.py")
    assert made["status"] == "proposed", made
    assert "+MOST_EQUAL_CALLS = 2" in made["diff"]


def test_a_diff_is_not_lost_when_a_later_try_fails(shop: Shop, clock: Clock, client_of: Callable[..., Client]) -> None:
    def attempt(runner: Any) -> dict[str, Any]:
        clock.advance(1_000)
        shop.ask()
        assert shop.fixing(runner=runner).step()
        return shop.fix()

    first = attempt(Says(Proposal(["Limit it."], GOOD)))
    assert first["status"] == "proposed"
    second = attempt(Says(Proposal(["?"], None)))
    whole = shop.owner("GET", f"/api/incidents/{shop.incident}").get_json()
    assert (whole["fix"]["id"], whole["fix"]["diff"]) == (second["id"], None)
    [earlier] = whole["earlier_fixes"]
    assert (earlier["id"], earlier["status"], "diff" in earlier) == (first["id"], "proposed", False)
    path = f"/api/incidents/{shop.incident}/fixes"
    assert shop.owner("GET", f"{path}/{first['id']}").get_json() == first
    assert shop.owner("GET", f"{path}/fix_0000000000").status_code == 404
    other = failed(shop.owner, BOOM, "trace_2")
    assert shop.owner("GET", f"/api/incidents/{other}/fixes/{first['id']}").status_code == 404
    for _ in range(KEPT):
        attempt(Says(Proposal(["?"], None)))
    assert shop.owner("GET", f"{path}/{first['id']}").get_json() == first, "however many tries fail after it"
    assert shop.owner("GET", f"{path}/{second['id']}").status_code == 404, "it is one of too many"


@sqlite_only
def test_a_fix_of_a_project_that_a_key_is_not_for_is_not_shown(shop: Shop) -> None:
    shop.made(f"{sys.executable} -c pass")
    fix = shop.fix()
    failed(shop.owner, LOOP, "b", project_id=make_project(shop.owner, "other").project["slug"])
    key = shop.owner.data("POST", "/v1/api-keys", {"name": "K", "scopes": ["read"], "projects": ["other"]}, status=201)
    theirs = Client(shop.owner.client, key["key"])
    assert theirs("GET", f"/api/incidents/{shop.incident}/fixes/{fix['id']}").status_code == 404
    assert theirs("GET", f"/api/incidents/{shop.incident}").get_json()["earlier_fixes"] == []

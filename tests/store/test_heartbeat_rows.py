"""The row beside a heartbeat: its token opens it and nothing else does, and it begins anew when its times change."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from model.heartbeat import HeartbeatState
from model.outcome import RunStatus
from store.checks import create_check, delete_check, get_check, update_check
from store.heartbeat_rows import heartbeat_of_token, keep_state, ping_tokens, state_of
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import CheckVersion, Heartbeat
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.conftest import heartbeat_check


@pytest.fixture
def heartbeat_id(database: Database, keyring: Keyring, organization: str, clock: Clock) -> str:
    with database.write(organization, Urgency.PEOPLE) as session:
        return create_check(session, keyring, organization, heartbeat_check(), clock.now_ms).id


def test_a_heartbeat_is_found_by_its_token_alone(
    database: Database, keyring: Keyring, organization: str, heartbeat_id: str
) -> None:
    with database.read(organization) as session:
        token = ping_tokens(session, keyring, [heartbeat_id])[heartbeat_id]
    assert re.fullmatch(r"[0-9a-f]{40}", token)
    with database.read(EVERY_ORGANIZATION) as session:
        found = heartbeat_of_token(session, keyring, token)
        assert found is not None
        assert found.check_id == heartbeat_id
        assert token.encode() not in found.token
        for wrong in (token[:-1], token.upper(), "", "\x00"):
            assert heartbeat_of_token(session, keyring, wrong) is None


def test_a_heartbeat_has_no_slots_and_waits_for_its_first_ping(database: Database, heartbeat_id: str) -> None:
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.get_one(CheckVersion, (heartbeat_id, 1)).schedule is None
        assert state_of(session.get_one(Heartbeat, heartbeat_id)) == HeartbeatState()


@pytest.mark.parametrize(
    ("paused", "change", "begins_anew"),
    [
        (False, {"interval": 7200}, True),
        (False, {"grace": 300}, True),
        (False, {"name": "Nightly backup"}, False),
        (True, {}, True),
    ],
)
def test_a_fresh_period_begins_when_its_times_change_or_it_is_resumed(
    database: Database, keyring: Keyring, heartbeat_id: str, clock: Clock, paused: bool, change: dict[str, Any],
    begins_anew: bool,
) -> None:  # fmt: skip
    pinged = HeartbeatState(
        deadline_ms=clock.now_ms + 9, last_ping_ms=1, last_run_ms=2, last_status=RunStatus.SUCCESS, period_end_ms=3
    )

    def edit(**fields: Any) -> None:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            check = get_check(session, heartbeat_id, lock=True)
            assert check is not None
            update_check(session, keyring, check, heartbeat_check(**fields), clock.now_ms)

    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        keep_state(session.get_one(Heartbeat, heartbeat_id), pinged)
    if paused:
        edit(status="paused")
    edit(**change)
    with database.read(EVERY_ORGANIZATION) as session:
        state = state_of(session.get_one(Heartbeat, heartbeat_id))
    assert state.last_status is RunStatus.SUCCESS
    if begins_anew:
        assert state.deadline_ms is not None
        assert state.deadline_ms >= clock.now_ms + 3_600_000
    else:
        assert state == pinged


def test_a_deleted_heartbeat_hears_nothing(
    database: Database, keyring: Keyring, organization: str, heartbeat_id: str, clock: Clock
) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        token = ping_tokens(session, keyring, [heartbeat_id])[heartbeat_id]
        check = get_check(session, heartbeat_id, lock=True)
        assert check is not None
        delete_check(session, check, clock.now_ms)
    with database.read(EVERY_ORGANIZATION) as session:
        assert heartbeat_of_token(session, keyring, token) is None


def test_tokens_of_another_organization_are_not_told(
    database: Database, keyring: Keyring, heartbeat_id: str, make_organization: Callable[[str], str]
) -> None:
    with database.read(make_organization("Stranger")) as session:
        assert ping_tokens(session, keyring, [heartbeat_id]) == {}

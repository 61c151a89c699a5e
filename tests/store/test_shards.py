"""Shards and roles: one owner each, tokens that rise, and no way back for who was replaced."""

from __future__ import annotations

import threading

import pytest

from store.roles import ROLE_LEASE_MS, forget_dead_schedulers, hold_roles, join_schedulers, release_roles
from store.service_clock import ABSENT_MS, SETTLE_MS, STEADY_MS, Service, beat, service
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import (
    SHARD_LEASE_MS,
    SHARDS,
    HeldShard,
    advance_shards,
    any_claimable,
    claim_shards,
    holds_shard,
    oldest_checkpoint_ms,
    release_shards,
)
from store.write_lock import Urgency
from tests.conftest import Clock


def _claim(database: Database, owner: str, now_ms: int, most: int = SHARDS, **more: bool) -> list[HeldShard]:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        return claim_shards(session, owner, now_ms, most, **more)


def _advance(database: Database, shards: list[HeldShard], checkpoint_ms: int | None, now_ms: int) -> list[int]:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        return advance_shards(session, shards, checkpoint_ms, now_ms)


def test_a_shard_is_claimed_once_until_its_lease_runs_out(database: Database, clock: Clock) -> None:
    first = _claim(database, "first", clock.now_ms, 10)
    second = _claim(database, "second", clock.now_ms)
    assert (len(first), len(second)) == (10, 6)
    clock.advance(SHARD_LEASE_MS)
    again = _claim(database, "second", clock.now_ms)
    assert {shard.token for shard in again} == {2}


def test_a_checkpoint_moves_only_under_the_token_and_from_where_it_was(database: Database, clock: Clock) -> None:
    held = _claim(database, "one", clock.now_ms)
    assert _advance(database, held, clock.now_ms, clock.now_ms) == []
    moved = [HeldShard(shard.id, shard.token, clock.now_ms) for shard in held]
    assert _advance(database, held, clock.now_ms + 1, clock.now_ms) == list(range(SHARDS)), "it is not there any more"
    stale = [HeldShard(shard.id, shard.token - 1, clock.now_ms) for shard in held[:3]]
    assert _advance(database, stale, clock.now_ms + 1, clock.now_ms) == [0, 1, 2]
    assert _advance(database, moved, None, clock.now_ms) == []
    with database.read(EVERY_ORGANIZATION) as session:
        assert oldest_checkpoint_ms(session) == clock.now_ms


def test_there_is_no_oldest_checkpoint_before_every_shard_has_one(database: Database, clock: Clock) -> None:
    held = _claim(database, "one", clock.now_ms)
    _advance(database, held[1:], clock.now_ms, clock.now_ms)
    with database.read(EVERY_ORGANIZATION) as session:
        assert oldest_checkpoint_ms(session) is None


def test_a_released_shard_can_be_claimed_and_is_held_no_more(database: Database, clock: Clock) -> None:
    held = _claim(database, "one", clock.now_ms)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert holds_shard(session, held[0])
        release_shards(session, held)
    with database.read(EVERY_ORGANIZATION) as session:
        assert any_claimable(session, "two", clock.now_ms, ())
    taken = _claim(database, "two", clock.now_ms)
    assert len(taken) == SHARDS
    with database.read(EVERY_ORGANIZATION) as session:
        assert not holds_shard(session, held[0])
        assert holds_shard(session, taken[0])


def test_many_claimers_at_once_share_the_shards_without_waiting_for_each_other(
    database: Database, clock: Clock
) -> None:
    claimed: list[list[HeldShard]] = []
    start = threading.Barrier(6)

    def claim(name: str) -> None:
        start.wait()
        claimed.append(_claim(database, name, clock.now_ms, 4))

    threads = [threading.Thread(target=claim, args=(f"s{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    claimed.append(_claim(database, "rest", clock.now_ms))
    ids = [shard.id for shards in claimed for shard in shards]
    assert sorted(ids) == list(range(SHARDS))


def test_a_role_has_one_owner_until_its_lease_runs_out(database: Database, clock: Clock) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert hold_roles(session, ["a", "b"], "one", clock.now_ms) == {"a", "b"}
        assert hold_roles(session, ["a", "c"], "two", clock.now_ms + ROLE_LEASE_MS - 1) == {"c"}
        assert hold_roles(session, ["a"], "one", clock.now_ms + 1_000) == {"a"}
        assert hold_roles(session, ["a", "b"], "two", clock.now_ms + ROLE_LEASE_MS) == {"b"}
        release_roles(session, "one")
        assert hold_roles(session, ["a"], "two", clock.now_ms) == {"a"}


def test_schedulers_that_are_alive_are_counted(database: Database, clock: Clock) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert join_schedulers(session, "one", clock.now_ms) == 1
        assert join_schedulers(session, "two", clock.now_ms + 2_000) == 2
        assert join_schedulers(session, "two", clock.now_ms + 3_000) == 1
        forget_dead_schedulers(session, clock.now_ms + 100_000)
        assert join_schedulers(session, "three", clock.now_ms + 3_000) == 1


@pytest.mark.parametrize(
    ("from_ms", "now_ms", "away"),
    [(50_000, 60_000, False), (9_999, 60_000, True), (10_000, 60_000, False), (50_000, 60_001 + ABSENT_MS, True)],
)
def test_the_api_was_away_before_its_return_and_when_it_is_silent(from_ms: int, now_ms: int, away: bool) -> None:
    assert Service(serving_since_ms=10_000, seen_ms=60_000).was_away(from_ms, now_ms) is away


def test_probes_have_a_moment_to_find_an_api_that_returned() -> None:
    known = Service(serving_since_ms=10_000, seen_ms=60_000)
    assert known.had_just_returned(10_000 + SETTLE_MS - 1)
    assert not known.had_just_returned(10_000 + SETTLE_MS)


def test_a_return_begins_a_new_stretch_of_service(database: Database, clock: Clock) -> None:
    def beat_at(now_ms: int) -> Service:
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, now_ms)
            return service(session)

    begun = clock.now_ms
    assert beat_at(begun) == Service(begun, begun)
    assert beat_at(begun + ABSENT_MS) == Service(begun, begun + ABSENT_MS)
    assert beat_at(begun + 1_000) == Service(begun, begun + ABSENT_MS), "another process, a moment behind"
    back = begun + 2 * ABSENT_MS + 1
    assert beat_at(back) == Service(back, back, begun + ABSENT_MS)


def test_who_comes_back_and_is_gone_again_was_away_all_the_time(database: Database, clock: Clock) -> None:
    def beat_at(now_ms: int) -> int | None:
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, now_ms)
            return service(session).away_from_ms

    begun = clock.now_ms
    assert beat_at(begun) is None
    assert beat_at(begun + 600_000) == begun
    assert beat_at(begun + 605_000) == begun, "a crash loop"
    for second in range(STEADY_MS // 1_000 + 1):
        assert beat_at(begun + 605_000 + 1_000 * second) == begun
    last = begun + 605_000 + STEADY_MS
    assert beat_at(last + 20_000) == last, "another absence"

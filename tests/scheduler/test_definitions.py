"""The checks in memory are those of the database, and what is over is forgotten."""

from __future__ import annotations

from model.ids import shard_of
from model.schedule import Schedule
from scheduler.definitions import KEPT_PAST_MS, Definitions
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import SHARDS
from tests.scheduler.world import World, due_slots

FASTER = Schedule("network", ("eu",), 30_000, 5_000)


def _follow(world: World, definitions: Definitions) -> bool:
    with world.database.read(EVERY_ORGANIZATION) as session:
        if not definitions.loaded:
            definitions.load(session, world.clock.now_ms)
        return definitions.follow(session, world.clock.now_ms)


def _agree(world: World, definitions: Definitions) -> bool:
    with world.database.read(EVERY_ORGANIZATION) as session:
        return definitions.agree(session)


def _due(definitions: Definitions, check: str, after_ms: int, until_ms: int) -> list[int]:
    found = definitions.due(shard_of(check, SHARDS), after_ms, until_ms)
    return [due for due, stream in found if stream.check_id == check]


def test_memory_agrees_with_the_database_through_every_kind_of_change(world: World) -> None:
    definitions = Definitions()
    checks = world.checks(5)
    _follow(world, definitions)
    assert _agree(world, definitions)
    assert not _follow(world, definitions)
    world.edit(checks[0], FASTER, world.clock.now_ms + 2_000)
    world.edit(checks[1], None, world.clock.now_ms)
    world.edit(checks[2], None, world.clock.now_ms, deleted=True)
    world.check()
    assert not _agree(world, definitions)
    assert _follow(world, definitions)
    assert _agree(world, definitions)
    assert len(definitions) == 5


def test_what_was_loaded_is_what_would_have_been_followed(world: World) -> None:
    checks = world.checks(3)
    followed = Definitions()
    _follow(world, followed)
    now = world.clock.now_ms
    world.edit(checks[0], FASTER, now + 2_000)
    world.edit(checks[1], FASTER, now + 2_000)
    world.edit(checks[1], None, now + 1_000)
    world.edit(checks[2], None, now + 500, deleted=True)
    _follow(world, followed)
    loaded = Definitions()
    _follow(world, loaded)
    for check in checks[:2]:
        assert _due(loaded, check, now, now + 60_000) == _due(followed, check, now, now + 60_000)
    assert _due(followed, checks[0], now, now + 60_000) == [
        *due_slots(checks[0], 10_000, now, now + 2_000),
        *due_slots(checks[0], 5_000, now + 2_000, now + 60_000),
    ]
    assert _due(followed, checks[1], now, now + 60_000) == due_slots(checks[1], 10_000, now, now + 1_000)


def test_a_version_that_ended_is_forgotten_after_a_while(world: World) -> None:
    (check,) = world.checks(1)
    definitions = Definitions()
    _follow(world, definitions)
    world.edit(check, FASTER, world.clock.now_ms + 2_000)
    _follow(world, definitions)
    assert definitions.slots_per_second(set(range(SHARDS))) == 0.1 + 0.2
    world.clock.advance(2_000 + KEPT_PAST_MS + 1)
    _follow(world, definitions)
    assert definitions.slots_per_second(set(range(SHARDS))) == 0.2
    assert _agree(world, definitions)


def test_a_check_deleted_for_good_is_dropped(world: World, database: Database) -> None:
    (check,) = world.checks(1)
    definitions = Definitions()
    _follow(world, definitions)
    world.edit(check, None, world.clock.now_ms, deleted=True)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM checks")
    _follow(world, definitions)
    assert len(definitions) == 0
    assert _agree(world, definitions)

"""The suite's own ground: stores are separate, migrated, on the test's clock."""

from __future__ import annotations

from sqlalchemy import func, select

from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Counter, Organization, Shard
from tests.conftest import Clock


def test_a_store_is_migrated_and_holds_the_first_rows(database: Database) -> None:
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Counter.value).where(Counter.name == "changes")).one() == 0
        shards = session.scalars(select(Shard).order_by(Shard.id)).all()
    assert [shard.id for shard in shards] == list(range(16))
    assert {shard.checkpoint_ms for shard in shards} == {None}


def test_a_store_runs_on_the_tests_clock(database: Database, clock: Clock) -> None:
    clock.advance(1500)
    with database.read(EVERY_ORGANIZATION) as session:
        assert database.now_ms(session) == clock.now_ms


def test_an_organization_of_one_test_is_not_there_in_the_next(database: Database, organization: str) -> None:
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(func.count()).select_from(Organization)).one() == 1

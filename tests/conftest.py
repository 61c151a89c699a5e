"""What every test may ask for: a migrated store of either kind, a clock in the test's hands, an organization.

def test_a_claim(database, clock, organization): …     runs twice, on SQLite and on PostgreSQL
def test_of_processes(database_url, tmp_path): …       the address alone, migrated, for processes of its own
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from migrations.upgrade import upgrade
from model.ids import new_id
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Organization
from store.write_lock import Urgency
from tests.compiled_statements import share_compiled_statements
from tests.memory import use_memory
from tests.postgres import Postgres, running_postgres
from tests.quick_passwords import hash_quickly
from tests.scheduling import StacksApart
from tests.security.tally import Tally, lines_of, table

use_memory()
share_compiled_statements()
hash_quickly()
settings.register_profile("large", max_examples=1000, deadline=None)
settings.register_profile("unhurried", deadline=None)
if settings.get_current_profile_name() == "default":  # a busy machine is no failure; in CI Hypothesis knows that itself
    settings.load_profile("unhurried")
STORES = ("sqlite", "postgresql")
KEYRING = Keyring({"k1": bytes(range(32))}, b"pepper")
"""What a test seals, encrypts and hashes with, unless it says otherwise."""
MakeDatabase = Callable[[], str]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> StacksApart:
    return StacksApart(config, log)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Where a test says what it tried."""
    return Tally(request.node.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = lines_of(report for report in reports if getattr(report, "when", "") == "call")
    if lines:
        terminalreporter.section("what was tried")
        terminalreporter.write_line("\n".join(table(lines)))


class Clock:
    """The database's clock, in the test's hands."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def advance(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    """It stands at 2024-01-15T10:30:00Z until the test moves it."""
    return Clock(1_705_314_600_000)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> str:
    name = postgres.create()
    upgrade(postgres.address(name))
    return name


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "tracer.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Which store this test runs on; parametrize it indirectly to run on one only."""
    return str(request.param)


@pytest.fixture
def make_empty_database(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeDatabase]:
    """A function that makes a database with nothing in it and returns its address."""
    yield from _makes(store, request, lambda number: f"sqlite:///{tmp_path / f'empty{number}.db'}")


def _makes(
    store: str, request: pytest.FixtureRequest, sqlite: Callable[[int], str], template: str | None = None
) -> Iterator[MakeDatabase]:
    made: list[str] = []

    def make() -> str:
        if store == "sqlite":
            made.append("")
            return sqlite(len(made))
        server: Postgres = request.getfixturevalue("postgres")
        made.append(server.create(template and request.getfixturevalue(template)))
        return server.address(made[-1])

    yield make
    if store != "sqlite":
        for name in made:
            request.getfixturevalue("postgres").drop(name)


@pytest.fixture
def make_database_url(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeDatabase]:
    """A function that makes a migrated database and returns its address."""

    def copied(number: int) -> str:
        path, template = tmp_path / f"tracer{number}.db", request.getfixturevalue("_sqlite_template")
        for ending in ("", "-telemetry"):
            shutil.copyfile(template.with_stem(template.stem + ending), path.with_stem(path.stem + ending))
        return f"sqlite:///{path}"

    yield from _makes(store, request, copied, "_postgres_template")


@pytest.fixture
def database_url(make_database_url: MakeDatabase) -> str:
    """The address of a migrated database of this test alone."""
    return make_database_url()


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """A migrated store under the test's clock."""
    opened = Database(database_url, now_ms=clock)
    opened.seal_with(KEYRING.signature)
    yield opened
    opened.close()


@pytest.fixture
def make_organization(database: Database, clock: Clock) -> Callable[[str], str]:
    """A function that adds an organization and returns its id; `default_locations` is ["local"]."""

    def make(name: str) -> str:
        organization_id = new_id("org", clock.now_ms)
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(
                Organization(id=organization_id, name=name, default_locations=["local"], created_ms=clock.now_ms)
            )
        return organization_id

    return make


@pytest.fixture
def organization(make_organization: Callable[[str], str]) -> str:
    """The id of one organization."""
    return make_organization("Example")

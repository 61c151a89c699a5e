"""How retention goes about: the walk over all checks, and deletions that take a few ms each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run, run_many
from store.write_lock import Urgency

MOST_ROWS = 500
FEWEST_ROWS = 100
"""Retention must outrun what comes in: some 2,000 rows a second with 40 ms of pause, also on a slow disk."""
WRITE_MS = 5.0
"""How long a write of housekeeping should hold SQLite's writer."""
_CHECKS_AT_ONCE = 100
_CHECKS = "SELECT id FROM checks WHERE id > ? ORDER BY id LIMIT ?"


def check_chunks(database: Database) -> Iterator[list[str]]:
    """The ids of all checks, deleted ones too, a hundred at a time."""
    after = ""
    while True:
        with database.read(EVERY_ORGANIZATION) as session:
            chunk = [row[0] for row in rows(session, _CHECKS, after, _CHECKS_AT_ONCE)]
        if not chunk:
            return
        yield chunk
        after = chunk[-1]


class Deleting:
    """Deletes rows in writes of some WRITE_MS each, whatever the disk: a batch is as many rows as that takes here.

    Rows of `runs` lie far apart in the file (their ids are hashes), so a row costs two pages, and a slow disk shows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows = FEWEST_ROWS
        """How many rows the next batch should have."""

    def find(self, query: str, *values: object) -> list[Any]:
        """The rows of a query that ends with `LIMIT ?`: the next batch, read outside the writer's lock."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            return list(rows(session, query, *values, self.rows))

    def find_ids(self, query: str, *values: object) -> list[str]:
        """The first column of `find`."""
        return [row[0] for row in self.find(query, *values)]

    def delete(self, statement: str, *values: object) -> int:
        """One write of housekeeping; how many rows went."""
        with self.timed() as session:
            return run(session, statement, *values)

    def delete_each(self, statement: str, keys: list[tuple[Any, ...]]) -> int:
        """The same for rows with keys of several columns."""
        with self.timed() as session:
            return run_many(session, statement, keys)

    @contextmanager
    def timed(self) -> Iterator[Session]:
        """One write of housekeeping, by whose length the next batch is measured."""
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            began = time.perf_counter()  # the wait for others to finish is not ours
            yield session
        took_ms = (time.perf_counter() - began) * 1000
        # Now and then a commit also tidies SQLite's log, so one slow write among quick ones must not count for much.
        self.rows = max(FEWEST_ROWS, self.rows * 7 // 10) if took_ms > WRITE_MS else min(MOST_ROWS, self.rows * 8 // 7)

"""Pages of lists: what stands on each, and how many there are in all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from store import counting
from store.counting import one_page
from store.sessions import Database
from store.tables import Check
from tests.alerts.recording import add_check

BY_ID = select(Check).order_by(Check.id)


@pytest.mark.parametrize("page", [(0, 3), (3, 3), (6, 3), (4, 3), (0, 7), (7, 3), (9, 3), (0, 20), (2, 20), (0, 0)])
def test_every_page_tells_how_many_there_are(database: Database, organization: str, page: tuple[int, int]) -> None:
    ids = sorted(add_check(database, organization) for _ in range(7))
    offset, limit = page
    with database.read(organization) as session:
        found, total = one_page(session, BY_ID, page)
    assert [check.id for check in found] == ids[offset : offset + limit]
    assert total == 7


@pytest.mark.parametrize("page", [(0, 3), (4, 3), (0, 20), (9, 3)])
def test_it_is_counted_as_far_as_is_said(
    database: Database, organization: str, page: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "EXACT_TO", 5)
    for _ in range(7):
        add_check(database, organization)
    with database.read(organization) as session:
        assert one_page(session, BY_ID, page)[1] == 6


def test_another_organizations_rows_are_neither_shown_nor_counted(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    add_check(database, make_organization("Other"))
    with database.read(organization) as session:
        assert one_page(session, BY_ID, (0, 1)) == ([], 0)

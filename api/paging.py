"""Lists: pages of 20, up to 100, newest first; counts exact to 10,000 (CONTRACT, "Common")."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from api.routes import QueryModel

MAX_ROWS = 10_000
"""How far pages reach, and how far counts are exact: neither makes the store walk further than this."""


class Page(QueryModel):
    """Which part of a list."""

    page: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 1
    per_page: Annotated[int, Field(ge=1, le=100)] = 20

    @model_validator(mode="after")
    def _within_reach(self) -> Page:
        if self.page * self.per_page > MAX_ROWS:
            raise ValueError(f"page x per_page must not be over {MAX_ROWS}: narrow the list by a filter")
        return self

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page


def page_meta(page: Page, total: int) -> dict[str, Any]:
    """`total` as counted up to one more than MAX_ROWS."""
    meta: dict[str, Any] = {"total": min(total, MAX_ROWS), "page": page.page, "per_page": page.per_page}
    if total > MAX_ROWS:
        meta["total_is_minimum"] = True
    return meta

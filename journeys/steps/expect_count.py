"""`expect_count`: so many elements fit a selector, visible or not: `{"selector": "li.item", "value": 3}`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from journeys.steps.base import ElementStep


class ExpectCount(ElementStep):
    """`value` 0: there is none."""

    type: Literal["expect_count"]
    value: Annotated[int, Field(ge=0, le=1_000_000)]

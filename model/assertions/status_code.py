"""`status_code`: the HTTP status of the last hop."""

from __future__ import annotations

from typing import Literal

from model.assertions.base import AssertionBase


class StatusCode(AssertionBase):
    type: Literal["status_code"]

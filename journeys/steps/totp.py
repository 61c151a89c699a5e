"""`totp`: the one-time code that an authenticator app would show now (RFC 6238), kept as a variable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, StringConstraints

from journeys.one_time import is_seed, parse_seed
from journeys.steps.base import Step
from journeys.variables import VariableName, has_place
from model.secrets import MASK

if TYPE_CHECKING:
    from journeys.walk import Walk


def _seed(text: str) -> str:
    return text if text == MASK or has_place(text) else is_seed(text)


class Totp(Step):
    """`secret`: the base32 text or the `otpauth://` URL behind the QR code, best as a `{{NAME}}`."""

    subject: ClassVar[str] = "variable"

    type: Literal["totp"]
    secret: Annotated[str, StringConstraints(min_length=1, max_length=1_000), AfterValidator(_seed)]
    variable: VariableName

    @property
    def needs_page(self) -> bool:
        """It needs a clock only."""
        return False

    async def run(self, walk: Walk) -> None:
        walk.secrets.add(self.secret)
        walk.keep(self.variable, parse_seed(self.secret).code_at(time.time()), secret=True)

"""`totp`: the one-time code that an authenticator app would show now (RFC 6238), kept as a variable."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, StringConstraints

from journeys.one_time import is_seed
from journeys.steps.base import Step
from journeys.variables import VariableName, has_place
from model.secrets import MASK


def _seed(text: str) -> str:
    return text if text == MASK or has_place(text) else is_seed(text)


class Totp(Step):
    """`secret`: the base32 text or the `otpauth://` URL behind the QR code, best as a `{{NAME}}`."""

    on_page: ClassVar[bool] = False
    subject: ClassVar[str] = "variable"

    type: Literal["totp"]
    secret: Annotated[str, StringConstraints(min_length=1, max_length=1_000), AfterValidator(_seed)]
    variable: VariableName

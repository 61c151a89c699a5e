"""Every step there is: a new one is its file in journeys/steps/ and one line here. Needs no browser to be imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, get_args

from pydantic import Discriminator, Tag

from journeys.steps.base import Step
from journeys.steps.check import Check
from journeys.steps.click import Click
from journeys.steps.double_click import DoubleClick
from journeys.steps.expect_count import ExpectCount
from journeys.steps.expect_hidden import ExpectHidden
from journeys.steps.expect_text import ExpectText
from journeys.steps.expect_title import ExpectTitle
from journeys.steps.expect_url import ExpectUrl
from journeys.steps.expect_value import ExpectValue
from journeys.steps.expect_visible import ExpectVisible
from journeys.steps.extract import Extract
from journeys.steps.fill import Fill
from journeys.steps.goto import Goto
from journeys.steps.hover import Hover
from journeys.steps.press import Press
from journeys.steps.request import Request
from journeys.steps.screenshot import Screenshot
from journeys.steps.select import Select
from journeys.steps.totp import Totp
from journeys.steps.uncheck import Uncheck
from journeys.steps.upload import Upload
from journeys.steps.wait_for import WaitFor
from journeys.steps.wait_for_url import WaitForUrl
from model.validation import UNKNOWN_TYPE, by_type

_Any = (
    Annotated[Goto, Tag("type=goto")]
    | Annotated[Click, Tag("type=click")]
    | Annotated[DoubleClick, Tag("type=double_click")]
    | Annotated[Hover, Tag("type=hover")]
    | Annotated[Check, Tag("type=check")]
    | Annotated[Uncheck, Tag("type=uncheck")]
    | Annotated[Fill, Tag("type=fill")]
    | Annotated[Press, Tag("type=press")]
    | Annotated[Select, Tag("type=select")]
    | Annotated[Upload, Tag("type=upload")]
    | Annotated[WaitFor, Tag("type=wait_for")]
    | Annotated[WaitForUrl, Tag("type=wait_for_url")]
    | Annotated[Screenshot, Tag("type=screenshot")]
    | Annotated[Extract, Tag("type=extract")]
    | Annotated[Totp, Tag("type=totp")]
    | Annotated[Request, Tag("type=request")]
    | Annotated[ExpectVisible, Tag("type=expect_visible")]
    | Annotated[ExpectHidden, Tag("type=expect_hidden")]
    | Annotated[ExpectText, Tag("type=expect_text")]
    | Annotated[ExpectValue, Tag("type=expect_value")]
    | Annotated[ExpectUrl, Tag("type=expect_url")]
    | Annotated[ExpectTitle, Tag("type=expect_title")]
    | Annotated[ExpectCount, Tag("type=expect_count")]
)

STEP_TYPES: Mapping[str, type[Step]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in (get_args(member)[0] for member in get_args(_Any))
}
"""By the name that stands in `type`."""

AnyStep = Annotated[
    _Any,
    Discriminator(
        by_type,
        custom_error_type=UNKNOWN_TYPE,
        custom_error_message=f"must be one of {', '.join(STEP_TYPES)}",
    ),
]

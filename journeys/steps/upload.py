"""`upload`: give a file to an `<input type=file>`. The file is part of the journey, never one of the probe's disk."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, StringConstraints

from journeys.steps.base import ElementStep
from model.fields import one_line

if TYPE_CHECKING:
    from playwright.async_api import FilePayload

    from journeys.walk import Walk

MAX_CONTENT = 700_000
"""Characters of base64: half a MiB of file, so that a journey fits a request."""
_NOT_IN_A_NAME = re.compile(r"[/\\]")


def _file_name(text: str) -> str:
    if _NOT_IN_A_NAME.search(one_line(text)) or text in (".", ".."):
        raise ValueError("must be the name of a file alone, without a folder")
    return text


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    return text


class Upload(ElementStep):
    """`filename` is what the site is told; its ending decides the type of content that the browser names."""

    type: Literal["upload"]
    filename: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_file_name)]
    content_base64: Annotated[str, StringConstraints(max_length=MAX_CONTENT), AfterValidator(_base64)]

    @cached_property
    def content(self) -> bytes:
        """The file."""
        return base64.b64decode(self.content_base64)

    async def run(self, walk: Walk) -> None:
        kind = mimetypes.guess_type(self.filename)[0] or "application/octet-stream"
        file: FilePayload = {"name": self.filename, "mimeType": kind, "buffer": self.content}
        await walk.any(self, self.selector).set_input_files(file, timeout=walk.left_ms)

"""Every assertion type there is: a new one is its file and one line here."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Discriminator, Tag

from model.assertions.base import AssertionBase
from model.assertions.body import Body
from model.assertions.certificate_expiry import CertificateExpiry
from model.assertions.header import Header
from model.assertions.http_version import HttpVersion
from model.assertions.json_path import JsonPath
from model.assertions.json_schema import JsonSchema
from model.assertions.record import Record
from model.assertions.redirects import Redirects
from model.assertions.response import Response
from model.assertions.response_time import ResponseTime
from model.assertions.status_code import StatusCode
from model.assertions.ttl import Ttl
from model.validation import UNKNOWN_TYPE, by_type

_Any = (
    Annotated[StatusCode, Tag("type=status_code")]
    | Annotated[ResponseTime, Tag("type=response_time")]
    | Annotated[Body, Tag("type=body")]
    | Annotated[JsonPath, Tag("type=json_path")]
    | Annotated[JsonSchema, Tag("type=json_schema")]
    | Annotated[Header, Tag("type=header")]
    | Annotated[CertificateExpiry, Tag("type=certificate_expiry")]
    | Annotated[HttpVersion, Tag("type=http_version")]
    | Annotated[Redirects, Tag("type=redirects")]
    | Annotated[Record, Tag("type=record")]
    | Annotated[Ttl, Tag("type=ttl")]
    | Annotated[Response, Tag("type=response")]
)

ASSERTION_TYPES: dict[str, type[AssertionBase]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in (get_args(member)[0] for member in get_args(_Any))
}
"""By the name that stands in `type`."""

Assertion = Annotated[
    _Any,
    Discriminator(
        by_type,
        custom_error_type=UNKNOWN_TYPE,
        custom_error_message=f"must be one of {', '.join(ASSERTION_TYPES)}",
    ),
]

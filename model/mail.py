"""Mail addresses as people give them: what stands in a header and in an envelope, and can inject into neither."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from model.hosts import BadHostError, parse_host

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SHOWN = re.compile(r"[^\x00-\x1f\x7f<>\"\\]*")


def mail_address(text: str) -> str:
    """`ops@example.com`, its domain in ASCII (punycode). Raises ValueError with a sentence."""
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        raise ValueError("must be a mail address such as ops@example.com")
    try:
        host = parse_host(domain)
    except BadHostError:
        raise ValueError("must be a mail address such as ops@example.com") from None
    if ":" in host or host.replace(".", "").isdigit():
        raise ValueError("must be a mail address at a name, not at an IP address")
    return f"{local}@{host}"


def sender(text: str) -> tuple[str, str]:
    """`Tracer <tracer@example.com>` or an address alone -> (name, address). Raises ValueError with a sentence."""
    name, angle, rest = text.strip().rpartition("<")
    if not angle:
        return "", mail_address(rest)
    name = name.strip().strip('"')
    if not rest.endswith(">") or not _SHOWN.fullmatch(name):
        raise ValueError("must be an address, or a name and an address as in Tracer <tracer@example.com>")
    return name, mail_address(rest[:-1])


MailAddress = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(mail_address),
    Field(json_schema_extra={"format": "email"}),
]

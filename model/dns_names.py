"""Names and nameservers of dns checks, as people write them."""

from __future__ import annotations

import re
from typing import Annotated

import dns.exception
import dns.name
from pydantic import AfterValidator, StringConstraints

from model.fields import printable
from model.hosts import MAX_HOST, BadHostError, address_of, parse_host

PORT = 53
_ODD_NAME = re.compile(r"[A-Za-z0-9_*/.-]{1,254}")
"""Names that no host has, but zones do: wildcards, and the slashes of RFC 2317."""


def _name(text: str) -> str:
    wire_name(text)
    return text


def wire_name(text: str) -> dns.name.Name:
    """The absolute name that is asked for. Raises ValueError with a sentence."""
    if text == ".":
        return dns.name.root
    try:
        bare = parse_host(text)
    except BadHostError as error:
        if not _ODD_NAME.fullmatch(text):
            raise ValueError(str(error)) from None
        bare = text
    try:
        return dns.name.from_text(bare)
    except dns.exception.DNSException as error:
        raise ValueError(f"is not a name that DNS can hold: {error}") from None


def parse_nameserver(text: str) -> tuple[str, int]:
    """`9.9.9.9`, `9.9.9.9:5353`, `2620:fe::fe`, `[2620:fe::fe]:53` -> (address, port). Raises ValueError."""
    host, port = text, str(PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port if bracket and not rest else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    address = address_of(host)
    if address is None or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
        raise ValueError("must be an IP address, or one with a port: 9.9.9.9, 9.9.9.9:53, [2620:fe::fe]:53")
    return str(address), int(port)


def _nameserver(text: str) -> str:
    parse_nameserver(text)
    return text


DnsName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_HOST + 2), AfterValidator(printable), AfterValidator(_name)
]
"""A name as it stands in a zone, or an address; kept as it was written."""
NameserverAddress = Annotated[str, StringConstraints(max_length=64), AfterValidator(_nameserver)]

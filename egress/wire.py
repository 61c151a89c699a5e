"""DNS messages (RFC 1035) for the one question egress asks: which addresses a name has. Pure bytes in, values out.

dnspython does this too, at ten times the cost: this codec runs for every check of a name, so it reads A, AAAA and
CNAME records and skips the rest. Everything in a message is hostile: pointers only go back, counts are bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from model.addresses import Address

A = 1
AAAA = 28
_CNAME = 5
_INTERNET = 1
NOERROR = 0
NXDOMAIN = 3
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_RECURSION_DESIRED = 0x0100
_RESPONSE = 0x8000
_TRUNCATED = 0x0200
_MAX_RECORDS = 1_024
"""More in one answer is an attack on our time; the largest real ones hold some dozens."""
_MAX_CNAMES = 16
_MAX_NAME = 255


class MalformedError(ValueError):
    """Not a DNS message, or one that breaks the rules."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`addresses` at the end of the CNAME chain that begins at the name asked for."""

    rcode: int
    truncated: bool
    addresses: tuple[Address, ...]


def encode_name(name: str) -> bytes:
    """`example.com` -> labels with their lengths. The name is canonical (model.hosts): ASCII, lower case."""
    labels = name.rstrip(".").encode("ascii", "replace").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) > _MAX_NAME - 1:
        raise MalformedError("a label of no or over 63 bytes, or a name of over 255")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\x00"


def question(name: str, record_type: int) -> bytes:
    """The question section, which an answer must repeat."""
    return encode_name(name) + struct.pack("!HH", record_type, _INTERNET)


def query(identity: int, asked: bytes) -> bytes:
    """A whole query: one question, recursion desired, no EDNS (512 bytes and then TCP, as glibc asks)."""
    return _HEADER.pack(identity, _RECURSION_DESIRED, 1, 0, 0, 0) + asked


def parse(message: bytes, identity: int, asked: bytes) -> Reply | None:
    """The reply to this very question; None when the message answers something else. Raises MalformedError."""
    if len(message) < _HEADER.size:
        raise MalformedError("shorter than a header")
    got, flags, questions, answers, _, _ = _HEADER.unpack_from(message)
    if got != identity or not flags & _RESPONSE:
        return None
    rcode = flags & 0x000F
    at = _HEADER.size
    if questions != 1 or message[at : at + len(asked)].lower() != asked:
        # Some servers leave the question out of an error; it names nothing, so it can mislead nobody.
        if questions == 0 and rcode not in (NOERROR, NXDOMAIN):
            return Reply(rcode, False, ())
        return None
    if flags & _TRUNCATED:
        return Reply(rcode, True, ())
    record_type = int.from_bytes(asked[-4:-2])
    return Reply(rcode, False, _addresses(message, at + len(asked), min(answers, _MAX_RECORDS + 1), record_type))


def _addresses(message: bytes, at: int, count: int, record_type: int) -> tuple[Address, ...]:
    if count > _MAX_RECORDS:
        raise MalformedError(f"more than {_MAX_RECORDS} records")
    name, _ = _read_name(message, _HEADER.size)
    found: dict[bytes, list[Address]] = {}
    aliases: dict[bytes, bytes] = {}
    for _ in range(count):
        owner, at = _read_name(message, at)
        if at + _RECORD.size > len(message):
            raise MalformedError("a record is cut off")
        kind, family, _, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        if at + length > len(message):
            raise MalformedError("a record is cut off")
        if family == _INTERNET and kind == record_type:
            found.setdefault(owner, []).append(_address(message[at : at + length], record_type))
        elif family == _INTERNET and kind == _CNAME:
            aliases[owner], _ = _read_name(message, at)
        at += length
    for _ in range(_MAX_CNAMES):
        if name in found or name not in aliases:
            break
        name = aliases[name]
    return tuple(found.get(name, ()))


def _address(data: bytes, record_type: int) -> Address:
    if len(data) != (4 if record_type == A else 16):
        raise MalformedError("an address of the wrong length")
    return IPv4Address(data) if record_type == A else IPv6Address(data)


def _read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """(the labels, lower case, joined by dots; where the name ends). A pointer must lead further back than the last,
    so no message makes us run in a circle."""
    labels: list[bytes] = []
    size, end, limit = 0, 0, at
    while True:
        if at >= len(message):
            raise MalformedError("a name is cut off")
        length = message[at]
        if length >= 0xC0:
            if at + 2 > len(message):
                raise MalformedError("a pointer is cut off")
            end = end or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
            if at >= limit:
                raise MalformedError("a pointer leads forward")
            limit = at
        elif length >= 0x40:
            raise MalformedError("an unknown kind of label")
        elif length == 0:
            return b".".join(labels).lower(), end or at + 1
        else:
            labels.append(message[at + 1 : at + 1 + length])
            size += length + 1
            if size > _MAX_NAME:
                raise MalformedError("a name of more than 255 bytes")
            at += length + 1

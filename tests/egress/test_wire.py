"""DNS messages from strangers: read as dnspython reads them, and never a crash or a circle."""

from __future__ import annotations

from ipaddress import ip_address

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress import wire
from tests.egress.dns_server import reply

ASKED = wire.question("www.example.com", wire.A)


def query(identity: int = 7) -> dns.message.Message:
    message = dns.message.from_wire(wire.query(identity, ASKED))
    assert message.question[0].to_text() == "www.example.com. IN A"
    return message


def test_addresses_at_the_end_of_an_alias_chain_are_found() -> None:
    message = reply(
        query(),
        "www.example.com. 60 IN CNAME a.example.net.",
        "a.example.net. 60 IN CNAME b.example.net.",
        "b.example.net. 60 IN A 192.0.2.1",
        "b.example.net. 60 IN A 192.0.2.2",
        "other.example.net. 60 IN A 10.0.0.1",
    )
    parsed = wire.parse(message, 7, ASKED)
    assert parsed is not None
    assert parsed.addresses == (ip_address("192.0.2.1"), ip_address("192.0.2.2"))


def test_an_alias_circle_has_no_address() -> None:
    message = reply(query(), "www.example.com. 60 IN CNAME a.test.", "a.test. 60 IN CNAME www.example.com.")
    parsed = wire.parse(message, 7, ASKED)
    assert parsed is not None
    assert parsed.addresses == ()


@pytest.mark.parametrize("change", ["identity", "question", "type", "not a reply"])
def test_what_answers_another_question_is_not_taken(change: str) -> None:
    message = bytearray(reply(query(), "www.example.com. 60 IN A 192.0.2.1"))
    match change:
        case "identity":
            message[1] ^= 1
        case "question":
            message[13] ^= 1
        case "type":
            message[12 + len(ASKED) - 3] ^= 1
        case _:
            message[2] &= 0x7F
    assert wire.parse(bytes(message), 7, ASKED) is None


def test_case_of_the_question_is_ignored() -> None:
    message = reply(query(), "www.example.com. 60 IN A 192.0.2.1").replace(b"\x03www", b"\x03WwW", 1)
    parsed = wire.parse(message, 7, ASKED)
    assert parsed is not None
    assert parsed.addresses == (ip_address("192.0.2.1"),)


@pytest.mark.parametrize(
    "tail",
    [
        b"\xc0\x21\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04",  # a pointer to itself
        b"\xc0\xff\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04",  # a pointer forward
        b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x05\x01\x02\x03\x04\x05",  # an address of five bytes
        b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\xff\xff\x01",  # longer than the message
        b"\x80",
        b"\xc0",
        b"\x3f",
        b"",
    ],
)
def test_a_broken_record_is_malformed(tail: bytes) -> None:
    head = b"\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + ASKED
    with pytest.raises(wire.MalformedError):
        wire.parse(head + tail, 7, ASKED)


def test_ten_thousand_records_are_refused_before_they_are_read() -> None:
    head = b"\x00\x07\x81\x80\x00\x01\x27\x10\x00\x00\x00\x00" + ASKED
    with pytest.raises(wire.MalformedError, match="more than"):
        wire.parse(head, 7, ASKED)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parser(tail: bytes) -> None:
    head = b"\x00\x07\x81\x80\x00\x01\x00\x03\x00\x00\x00\x00" + ASKED
    try:
        wire.parse(head + tail, 7, ASKED)
        wire.parse(tail, 7, ASKED)
    except wire.MalformedError:
        pass


@pytest.mark.parametrize("name", ["", ".", "a..b", "a" * 64 + ".test", ".".join(["abcdefg"] * 40)])
def test_a_name_that_dns_cannot_hold_is_malformed(name: str) -> None:
    with pytest.raises(wire.MalformedError):
        wire.encode_name(name)

"""Who is calling, over real sockets: what a proxy of ours says counts, what a stranger says does not."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

from api.server import Server
from api.serving_peers import Proxies
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.wire import Line

OURS = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")
CHAINS = (
    (("203.0.113.7",), "203.0.113.7"),
    (("6.6.6.6, 203.0.113.7",), "203.0.113.7"),
    (("6.6.6.6, 203.0.113.7, 10.1.2.3",), "203.0.113.7"),
    (("6.6.6.6,203.0.113.7 ,\t10.1.2.3, 10.9.9.9",), "203.0.113.7"),
    (("6.6.6.6", "203.0.113.7", "10.1.2.3"), "203.0.113.7"),
    (("10.1.2.3, 10.4.5.6",), "10.1.2.3"),
    (("203.0.113.7:4711",), "203.0.113.7"),
    (("2001:db8::7",), "2001:db8::7"),
    (("[2001:db8::7]:4711, fd00::1",), "2001:db8::7"),
    (("::ffff:203.0.113.7, ::ffff:10.1.2.3",), "203.0.113.7"),
    (("FE80::1%eth0",), "fe80::1"),
)
GARBAGE = (
    "", " ", ",", ",,,", "unknown", "_hidden", "localhost", "203.0.113.7.", "203.0.113", "0x7f.1", "2130706433",
    "127.1", "203.0.113.7/32", "203.0.113.7, unknown", "203.0.113.7,", "for=203.0.113.7", '"203.0.113.7"', "[::1",
    "::1]", "[]:1", "1.2.3.4:5:6", "\xff", "203.0.113.7:port", "[::1]x", "a" * 5000, "203.0.113.7, " + "," * 5000,
)  # fmt: skip
SCHEMES = (
    ("https", "https"), ("http, https", "https"), ("https, http", "http"), ("HTTPS", "https"), ("javascript", "http"),
    ("", "http"), ("https,", "http"), ("wss", "http"),
)  # fmt: skip


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serving(database: Database, keyring: Keyring, trusted: tuple[str, ...]) -> Server:
    people = Flask("people")

    @people.get("/who")
    def who() -> dict[str, object]:
        environ = request.environ
        return {"client": request.remote_addr, "scheme": request.scheme, "peer": environ["tracer.peer"]}

    return Server(people, database, keyring, Settings(port=0, trusted_proxies=trusted))


@pytest.fixture
def behind(database: Database, keyring: Keyring) -> Iterator[Line]:
    """A connection of a proxy of ours."""
    with serving(database, keyring, OURS) as server, Line(server) as line:
        yield line


@pytest.fixture(params=[(), ("10.0.0.0/8", "127.0.0.2", "::1")], ids=["no proxies", "other proxies"])
def stranger(request: pytest.FixtureRequest, database: Database, keyring: Keyring) -> Iterator[Line]:
    """A connection of somebody else."""
    with serving(database, keyring, request.param) as server, Line(server) as line:
        yield line


def told(line: Line, *headers: str) -> tuple[str, str]:
    line.request("GET", "/who", b"", *headers)
    answer = line.answer()
    assert answer.status == 200, answer.body
    assert answer.json["peer"] == "127.0.0.1"
    return answer.json["client"], answer.json["scheme"]


def test_a_client_is_the_last_hop_that_is_not_ours(behind: Line) -> None:
    for hops, client in CHAINS:
        assert told(behind, *(f"X-Forwarded-For: {hop}" for hop in hops)) == (client, "http"), hops


def test_a_hop_that_is_no_address_ends_the_chain(behind: Line) -> None:
    for garbage in GARBAGE:
        client, _ = told(behind, f"X-Forwarded-For: 6.6.6.6, {garbage}, 10.1.2.3")
        assert client in ("10.1.2.3", "203.0.113.7"), garbage
        assert told(behind, f"X-Forwarded-For: {garbage}")[0] in ("127.0.0.1", "203.0.113.7"), garbage


def test_the_scheme_is_what_the_nearest_proxy_says(behind: Line) -> None:
    for said, scheme in SCHEMES:
        assert told(behind, f"X-Forwarded-Proto: {said}") == ("127.0.0.1", scheme), said


def test_a_stranger_s_word_is_ignored(stranger: Line) -> None:
    for hops, _ in CHAINS:
        headers = (f"X-Forwarded-For: {hop}" for hop in hops)
        assert told(stranger, *headers, "X-Forwarded-Proto: https") == ("127.0.0.1", "http"), hops
    for garbage in GARBAGE:
        assert told(stranger, f"X-Forwarded-For: {garbage}", f"X-Forwarded-Proto: {garbage}") == ("127.0.0.1", "http")


def test_no_other_header_says_who_is_calling(behind: Line) -> None:
    for name in ("X_Forwarded_For", "X-Real-IP", "Forwarded", "True-Client-IP", "X-Forwarded-Host", "CF-Connecting-IP"):
        assert told(behind, f"{name}: 203.0.113.7", "X_Forwarded_Proto: https") == ("127.0.0.1", "http"), name


def test_a_socket_of_both_families_tells_ipv4_addresses_apart(database: Database, keyring: Keyring) -> None:
    """As they come they are all of one IPv6 network, and would be limited together."""
    assert [Proxies(()).client_of(f"::ffff:192.0.2.{last}", "") for last in (1, 2)] == ["192.0.2.1", "192.0.2.2"]
    assert Proxies(("192.0.2.0/24",)).client_of("::ffff:192.0.2.1", "203.0.113.7") == "203.0.113.7"


@given(st.text(alphabet=st.characters(max_codepoint=255)) | st.lists(st.ip_addresses().map(str)).map(",".join))
def test_whatever_is_said_the_client_is_an_address(said: str) -> None:
    client = Proxies(OURS).client_of("127.0.0.1", said)
    assert ipaddress.ip_address(client)
    assert Proxies(()).client_of("127.0.0.1", said) == "127.0.0.1"

"""Which addresses a check may be connected to, however they are written (R13)."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.addresses import AddressPolicy, networks_of
from model.hosts import BadHostError, address_of, parse_host, parse_redirect, parse_url


def words(text: str) -> list[str]:
    return text.split()


DENIED = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "168.63.129.16/32",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
]
PUBLIC = ["8.8.8.8", "1.0.0.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "11.0.0.0", "2606:4700::1111", "2a00::1"]
WRAPPED = {
    "::ffff:7f00:1": "127.0.0.1",
    "::ffff:0:127.0.0.1": "127.0.0.1",
    "64:ff9b::a9fe:a9fe": "169.254.169.254",
    "64:ff9b:1::a9fe:a9fe": "169.254.169.254",
    "2002:7f00:1::": "127.0.0.1",
    "2002:a9fe:a9fe::1": "169.254.169.254",
    "::127.0.0.1": "127.0.0.1",
    "2001:0:7f00:1::": "127.0.0.1",
    "2001:0:808:808::8000:fffe": "127.255.0.1",
}
SPELLED = [
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0",
    "00000177.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "2852039166",
    "0xA9FEA9FE",
    "169.254.43518",
    "①②⑦.⓪.⓪.①",
    "\uff11\uff12\uff17.0.0.1",
    "127。0。0。1",
    "127\uff0e0\uff0e0\uff0e1",
    "127｡0｡0｡1",
]
WEB_NOT = words(
    r"""
    file:///etc/passwd FILE:///x view-source:http://a javascript:alert(1) data:text/html,x blob:x about:blank
    ftp://a gopher://a dict://a ldap://a sftp://a tftp://a jar:http://a netdoc://a ws://a wss://a mailto:a@b unix:/a
    chrome://a //host/ \\host http:/host http:host http:///host http:\\host http://\host http://good\@bad
    http://[fe80::1%25lo]/ http://a:0/ http://a:65536/ http://a:-1/ http://a:x/ http:// https://?x http://a%00b/
    http://%0d%0a/
    """
)
NO_HOST = ["", " ", "a b", "a\tb", "a\nb", "a\x00b", "a..b", ".a", "a" * 64, "x" * 254, "1.2.3.4.5", "0x100000000"]
NO_HOST += ["fe80::1%lo", "[::1", "::1]", "a:80", "http://a", "a/b", "u@a", "a%31", "\ud800", "a\u202eb", "good\\@bad"]


@pytest.mark.parametrize("network", DENIED)
def test_first_middle_and_last_of_every_denied_range_are_refused(network: str) -> None:
    whole = ip_network(network)
    for address in (whole[0], whole[whole.num_addresses // 2], whole[-1]):
        assert AddressPolicy().refusal(address), address


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert AddressPolicy().refusal(ip_address(text)) is None


@pytest.mark.parametrize("text", METADATA)
def test_metadata_is_refused_even_where_everything_is_allowed(text: str) -> None:
    everything = AddressPolicy(networks_of(["0.0.0.0/0", "::/0"]))
    address = ip_address(text)
    assert everything.refusal(address)
    if isinstance(address, IPv4Address):
        number = int(address)
        for wrapped in (
            IPv6Address("::ffff:0:0") + number,
            IPv6Address("::ffff:0:0:0") + number,
            IPv6Address("64:ff9b::") + number,
            IPv6Address("64:ff9b:1::") + number,
            IPv6Address("::") + number,
            IPv6Address("2002::") + (number << 80),
            IPv6Address("2001::") + (number << 64),
            IPv6Address("2001::") + (number ^ 0xFFFFFFFF),
        ):
            assert everything.refusal(wrapped), wrapped


@pytest.mark.parametrize("text", WRAPPED)
def test_a_wrapped_private_address_is_refused_though_its_wrapping_is_allowed(text: str) -> None:
    assert AddressPolicy().refusal(ip_address(text))
    assert AddressPolicy(networks_of([f"{text}/128"])).refusal(ip_address(text))


def test_a_translated_address_is_allowed_where_wrapping_and_content_are() -> None:
    policy = AddressPolicy(networks_of(["64:ff9b::/96"]))
    assert policy.refusal(ip_address("64:ff9b::808:808")) is None
    assert policy.refusal(ip_address("64:ff9b::a00:1"))


def test_allowed_networks_widen_nothing_else() -> None:
    policy = AddressPolicy(networks_of(["10.1.0.0/16", " ::1 ", ""]))
    assert policy.refusal(ip_address("10.1.2.3")) is None
    assert policy.refusal(ip_address("::1")) is None
    assert policy.refusal(ip_address("10.2.0.0"))
    assert policy.refusal(ip_address("127.0.0.1"))


def test_a_bad_network_is_named() -> None:
    with pytest.raises(ValueError, match="'10/x' is not a network"):
        networks_of(["10/x"])


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_the_verdict_is_membership_in_the_denied_ranges(address: IPv4Address | IPv6Address) -> None:
    denied = any(address in ip_network(network) for network in DENIED if ip_network(network).version == address.version)
    assert (AddressPolicy().refusal(address) is not None) == denied


@pytest.mark.parametrize("text", SPELLED)
def test_a_host_is_judged_as_the_address_that_the_system_would_connect_to(text: str) -> None:
    address = address_of(parse_host(text))
    assert address is not None
    assert AddressPolicy().refusal(address)
    assert parse_url(f"http://{text}:8080/x").address == address
    ascii_text = parse_host(text) if not text.isascii() else text
    assert str(address) == socket.getaddrinfo(ascii_text, 80, family=socket.AF_INET)[0][4][0]


@pytest.mark.parametrize("text", NO_HOST)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(BadHostError):
        parse_host(text)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///x",
        "view-source:http://a",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a",
        "gopher://a",
        "dict://a",
        "ldap://a",
        "sftp://a",
        "ws://a",
        "wss://a",
        "mailto:a@b",
        "//host/",
        "http:/host",
        "http:host",
        "http:///host",
        "http:\\\\host",
        "http://\\host",
        "http://good\\@bad",
        "http://[fe80::1%25lo]/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:-1/",
        "http://a:x/",
        "http://",
        "https://?x",
        "http://a%00b/",
        "http://%0d%0a/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(BadHostError):
        parse_url(url)


@pytest.mark.parametrize("hidden", ["\t", "\r", "\n", "\x00", " ", "\x0b", "\u2028", "\u202e", "\xa0", "\ufeff"])
def test_what_hides_in_a_url_is_refused(hidden: str) -> None:
    for url in (f"http://exa{hidden}mple.com/", f"http://example.com/a{hidden}b", f"http://example.com{hidden}"):
        with pytest.raises(BadHostError):
            parse_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "sent"),
    [
        ("http://EXAMPLE.com", "example.com", 80, "http://example.com/"),
        ("https://user:p%40ss@example.com:8443/a?b=c#d", "example.com", 8443, "https://example.com:8443/a?b=c"),
        ("http://bücher.de/ü", "xn--bcher-kva.de", 80, "http://xn--bcher-kva.de/%C3%BC"),
        ("http://good.com#@bad.com", "good.com", 80, "http://good.com/"),
        ("http://bad.com?@good.com", "bad.com", 80, "http://bad.com/?@good.com"),
        ("http://[2606:4700::1111]:99/", "2606:4700::1111", 99, "http://[2606:4700::1111]:99/"),
        ("http://example.com:022/", "example.com", 22, "http://example.com:22/"),
        ("http://%65xample.com./\u010d\u010a", "example.com.", 80, "http://example.com./%C4%8D%C4%8A"),
    ],
)
def test_a_url_is_taken_apart_once_for_judge_and_engine(url: str, host: str, port: int, sent: str) -> None:
    target = parse_url(url)
    assert (target.host, target.port, target.url) == (host, port, sent)


def test_user_info_is_kept_apart() -> None:
    target = parse_url("https://user:p%40ss@example.com/")
    assert (target.username, target.password) == ("user", "p@ss")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "http://a.com:81/b"),
        ("b?c d", "http://a.com:81/x/b?c%20d"),
        ("//B.com", "http://b.com/"),
        (" https://b.com/ü ", "https://b.com/%C3%BC"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://good\\@bad/", "http://good/@bad/"),
    ],
)
def test_a_redirect_is_read_as_browsers_read_it(location: str, url: str) -> None:
    assert parse_redirect(parse_url("http://a.com:81/x/y"), location).url == url


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://a/", "http://[", "http://a:0/", "/" * 9000])
def test_a_redirect_to_no_web_address_is_refused(location: str) -> None:
    with pytest.raises(BadHostError):
        parse_redirect(parse_url("http://a.com/"), location)

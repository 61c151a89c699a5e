"""The one address verdict (R13): which addresses a check may be connected to. Pure: it is told everything.

Judged by our own list, since `ipaddress.is_private` and `is_global` miss many ranges and change between versions of
Python; the module serves only to read an address. Sources: the IANA special-purpose registries (RFC 6890) and the
clouds' own pages for metadata addresses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DENIED_4 = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
_DENIED_6 = (
    "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 "
    "3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8"
)
_METADATA = (
    "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 192.0.0.192 168.63.129.16 "
    "fd00:ec2::254 fd00:ec2::23 fd20:ce::254"
)
"""Where clouds hand out credentials: AWS (instance, ECS, EKS), Alibaba, Oracle, Azure, Google."""

_LOOPBACK: dict[int, Address] = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}
_METADATA_ADDRESSES: frozenset[Address] = frozenset(ip_address(text) for text in _METADATA.split())
_MAPPED = IPv6Network("::ffff:0:0/96")
_LAST_32_BITS = (_MAPPED, IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b::/96"))
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")


class _Ranges:
    """Membership of an address in a set of disjoint networks of one family, by one bisect."""

    def __init__(self, networks: Iterable[Network]) -> None:
        ordered = sorted((int(network[0]), int(network[-1])) for network in networks)
        self._firsts = [first for first, _ in ordered]
        self._lasts = [last for _, last in ordered]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]


_DENIED = {
    4: _Ranges(IPv4Network(text) for text in _DENIED_4.split()),
    6: _Ranges(IPv6Network(text) for text in _DENIED_6.split()),
}


def embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that a packet to this IPv6 address may end at: v4-mapped, v4-compatible, SIIT, NAT64 (both
    prefixes, RFC 6052), 6to4, and Teredo's server and client."""
    if not isinstance(address, IPv6Address):
        return
    number = int(address)
    if number <= 1:
        return  # :: and ::1 are themselves
    if any(address in network for network in _LAST_32_BITS):
        yield IPv4Address(number & 0xFFFFFFFF)
    elif address in _LOCAL_NAT64:
        # RFC 6052 places the four bytes by the length of the prefix in use, and the network may use any of these.
        yield IPv4Address(number & 0xFFFFFFFF)
        yield IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
        yield IPv4Address((number >> 64 & 0xFF) << 24 | number >> 32 & 0xFFFFFF)
        yield IPv4Address(number >> 24 & 0xFFFFFFFF)
    elif address in _6TO4:
        yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    elif address in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFFFFFF)
        yield IPv4Address(~number & 0xFFFFFFFF)


def is_metadata(address: Address) -> bool:
    """Whether it is a cloud's metadata address, in any wrapping: refused whatever is allowed."""
    return address in _METADATA_ADDRESSES or any(inner in _METADATA_ADDRESSES for inner in embedded(address))


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """`("10.0.0.0/8", "::1")` -> networks. ValueError with a sentence for a text that is none."""
    found: list[Network] = []
    for text in filter(None, (text.strip() for text in texts)):
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            raise ValueError(f"{text!r} is not a network such as 10.0.0.0/8") from None
    return tuple(found)


class AddressPolicy:
    """Public addresses, and those in `allow` (TRACER_ALLOW_NETS), but never a metadata address."""

    def __init__(self, allow: Iterable[Network] = ()) -> None:
        self.allow: tuple[Network, ...] = tuple(allow)

    def refusal(self, address: Address) -> str | None:
        """Why a connection to this address is refused, as a sentence's end; None when it is allowed. A translated
        form is allowed only if both it and the IPv4 address inside are."""
        if is_metadata(address):
            return "is a cloud metadata address"
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return "names a network interface"
        for form in (address, *embedded(address)):
            if not self._allowed(form):
                return "is not a public address" if form == address else f"leads to {form}, which is not public"
        return None

    def names(self, address: Address) -> bool:
        """Whether a network of the allow list holds it."""
        return any(address in network for network in self.allow if network.version == address.version)

    def allows_own(self, address: Address) -> bool:
        """Whether this machine's own address may be reached: where it is named, or where loopback is, since the same
        services listen there."""
        return self.names(address) or self.names(_LOOPBACK[address.version])

    def _allowed(self, address: Address) -> bool:
        return int(address) not in _DENIED[address.version] or self.names(address)

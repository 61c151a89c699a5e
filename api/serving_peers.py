"""Who is calling: the socket's peer, or what a trusted proxy says of it (TRACER_TRUSTED_PROXIES).

`X-Forwarded-For` and `X-Forwarded-Proto` from anybody else are what they look like: text that a stranger sent.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from store.bootstrap import SettingRefusedError

_BRACKETED = re.compile(r"\[([^\]]+)\](?::\d{1,5})?", re.ASCII)
_PORTED = re.compile(r"([^:]+):\d{1,5}", re.ASCII)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The proxies in front of this server, as addresses or networks."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """SettingRefusedError when one is no address and no network."""
        self._networks: list[Network] = []
        for text in trusted:
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise SettingRefusedError(
                    f"TRACER_TRUSTED_PROXIES: {text!r} is no address such as 10.0.0.0/8"
                ) from None

    def trusts(self, address: str) -> bool:
        """Whether this is one of our proxies."""
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(plain(address))
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client_of(self, peer: str, forwarded_for: str) -> str:
        """The address a request comes from: the last one in `forwarded_for` that no proxy of ours has."""
        client = plain(peer)
        if not forwarded_for or not self.trusts(peer):
            return client
        for hop in reversed(forwarded_for.split(",")):
            address = _without_port(hop.strip())
            if address is None:
                break  # not an address: what stands before it can't be believed
            client = address
            if not self.trusts(address):
                break
        return client

    def scheme_of(self, peer: str, scheme: str, forwarded_proto: str) -> str:
        """`https` when a proxy of ours says that it was."""
        said = forwarded_proto.rpartition(",")[2].strip().lower()
        return said if said in ("http", "https") and self.trusts(peer) else scheme


def plain(address: str) -> str:
    """An address as it is known elsewhere: `::ffff:192.0.2.1`, which is how a socket of both families tells of IPv4, is
    `192.0.2.1`, and without an interface at its end. Anything else as it is."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _without_port(text: str) -> str | None:
    """`1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]:5` -> the address; None for anything else."""
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        text = bracketed[1]
    elif (ported := _PORTED.fullmatch(text)) is not None:
        text = ported[1]
    try:
        return plain(str(ipaddress.ip_address(text)))
    except ValueError:
        return None

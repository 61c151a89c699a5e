"""Who is calling: the socket's peer, or what a trusted proxy says of it (TRACER_TRUSTED_PROXIES).

`X-Forwarded-For` and `X-Forwarded-Proto` from anybody else are what they look like: text that a stranger sent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from store.bootstrap import SettingRefusedError

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
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)

    def client_of(self, peer: str, forwarded_for: str) -> str:
        """The address a request comes from: the last one in `forwarded_for` that no proxy of ours has."""
        if not forwarded_for or not self.trusts(peer):
            return peer
        client = peer
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


def _without_port(text: str) -> str | None:
    """`1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]:5` -> the address; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None

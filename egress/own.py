"""Whether an address is this machine's own, asked of the kernel."""

from __future__ import annotations

import socket

from model.addresses import Address


def is_own(address: Address) -> bool:
    """True when a socket can be bound to it: then a connection to it ends on this machine, at services that trust
    their neighbours, however public the address looks."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def has_ipv6_route() -> bool:
    """Whether the kernel knows a way to public IPv6 addresses (a connected datagram socket sends nothing)."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2000::1", 9))
    except OSError:
        return False
    return True

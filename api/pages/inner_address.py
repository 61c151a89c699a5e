"""An address that probes refuse, told of in the form before a monitor of it fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from model.addresses import Address, AddressPolicy, networks_of
from model.hosts import BadHostError, address_of, parse_host, parse_url

_LOCALHOST = IPv4Address("127.0.0.1")


def refused_here(fields: Mapping[str, str], allow_nets: Iterable[str]) -> str:
    """A sentence about the address that the form names; empty for a public one, and for a name, which only probes look
    up. `allow_nets`: TRACER_ALLOW_NETS of this process; those of probes are theirs."""
    address = _address(fields)
    refusal = None if address is None else AddressPolicy(networks_of(allow_nets)).refusal(address)
    if refusal is None:
        return ""
    return (
        f"{address} {refusal}. Probes refuse it, and the monitor will be down (blocked_address), unless "
        "TRACER_ALLOW_NETS names it where the probe runs."
    )


def _address(fields: Mapping[str, str]) -> Address | None:
    url, host = fields.get("url", "").strip(), fields.get("host", "").strip()
    try:
        host = parse_url(url if "//" in url else f"https://{url}").host if url else parse_host(host)
    except BadHostError:
        return None
    return _LOCALHOST if host == "localhost" or host.endswith(".localhost") else address_of(host)

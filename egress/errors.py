"""What may go wrong on the way to a target, before a byte of its protocol is spoken.

EgressError
├── NotResolvedError       dns_failure           the name does not exist, or its name servers say they can't tell
├── ResolverSilentError    resolver_unavailable  nobody answered us: perhaps our own trouble, canaries must tell
├── AddressRefusedError    blocked_address       R13: an address that this process must not reach
├── ConnectRefusedError    connect_refused
├── ConnectTimeoutError    connect_timeout
└── ConnectFailedError     connect_failed        no route, network down, reset while connecting
"""

from __future__ import annotations

from typing import ClassVar

from model.errors import ErrorCode


class EgressError(Exception):
    """The text is a sentence for people. `dns_ms`: how long the look-up took, when one was finished."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL

    def __init__(self, message: str, *, dns_ms: float | None = None) -> None:
        super().__init__(message)
        self.dns_ms = dns_ms


class NotResolvedError(EgressError):
    code = ErrorCode.DNS_FAILURE


class ResolverSilentError(EgressError):
    code = ErrorCode.RESOLVER_UNAVAILABLE


class AddressRefusedError(EgressError):
    code = ErrorCode.BLOCKED_ADDRESS


class ConnectRefusedError(EgressError):
    code = ErrorCode.CONNECT_REFUSED


class ConnectTimeoutError(EgressError):
    code = ErrorCode.CONNECT_TIMEOUT


class ConnectFailedError(EgressError):
    code = ErrorCode.CONNECT_FAILED

"""The error codes of runs, and whose fault each is (CONTRACT, "Runs").

target's (failed):  dns_failure connect_refused connect_timeout connect_failed tls_error timeout
                    too_many_redirects body_too_large protocol_error assertion_failed blocked_address
                    heartbeat_missed heartbeat_failed step_failed journey_timeout
ours (missed):      overlap api_unreachable probe_offline
ours (unknown):     no_probe probe_lost resolver_unavailable network_unavailable browser_crashed internal
"""

from __future__ import annotations

from enum import StrEnum

from model.outcome import RunStatus


class ErrorCode(StrEnum):
    DNS_FAILURE = "dns_failure"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"
    TLS_ERROR = "tls_error"
    TIMEOUT = "timeout"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BODY_TOO_LARGE = "body_too_large"
    PROTOCOL_ERROR = "protocol_error"
    ASSERTION_FAILED = "assertion_failed"
    BLOCKED_ADDRESS = "blocked_address"
    HEARTBEAT_MISSED = "heartbeat_missed"
    HEARTBEAT_FAILED = "heartbeat_failed"
    STEP_FAILED = "step_failed"
    JOURNEY_TIMEOUT = "journey_timeout"
    OVERLAP = "overlap"
    API_UNREACHABLE = "api_unreachable"
    PROBE_OFFLINE = "probe_offline"
    NO_PROBE = "no_probe"
    PROBE_LOST = "probe_lost"
    RESOLVER_UNAVAILABLE = "resolver_unavailable"
    NETWORK_UNAVAILABLE = "network_unavailable"
    BROWSER_CRASHED = "browser_crashed"
    INTERNAL = "internal"


MISSED = frozenset({ErrorCode.OVERLAP, ErrorCode.API_UNREACHABLE, ErrorCode.PROBE_OFFLINE})
UNKNOWN = frozenset(
    {
        ErrorCode.NO_PROBE,
        ErrorCode.PROBE_LOST,
        ErrorCode.RESOLVER_UNAVAILABLE,
        ErrorCode.NETWORK_UNAVAILABLE,
        ErrorCode.BROWSER_CRASHED,
        ErrorCode.INTERNAL,
    }
)


def status_for(code: ErrorCode) -> RunStatus:
    """The terminal status a run with this error has."""
    if code in MISSED:
        return RunStatus.MISSED
    return RunStatus.UNKNOWN if code in UNKNOWN else RunStatus.FAILED


def broke_off(code: str | None) -> bool:
    """Whether a run with this error, if any, ended before its answer could be judged."""
    return code not in (None, "", ErrorCode.ASSERTION_FAILED)

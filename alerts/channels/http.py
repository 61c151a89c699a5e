"""One POST to a receiver: only to vetted addresses (R13), no redirects, and of the answer only status and Retry-After.

aiohttp connects to what the door's resolver vetted, and each socket is judged once more on the address it is made for.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from alerts.channels.base import SEND_TIMEOUT_S, Delivered, Undelivered
from egress.door import Egress
from egress.errors import AddressRefusedError, EgressError
from model.hosts import Target, address_of, parse_url

_TRY_AGAIN = frozenset({408, 425, 429})
_GONE = 410
_MOST_RETRY_AFTER_S = 86_400.0
_MAX_LINE = 8_190
"""Bytes of a status or header line that is read (R17)."""


class _BlockedError(OSError):
    """An OSError, so that aiohttp closes what it has begun."""


class _Pinned(AbstractResolver):
    """Any name is the addresses that the door vetted for it."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def post(egress: Egress, url: str, body: bytes, headers: Mapping[str, str]) -> Delivered:
    """2xx is delivered. Raises Undelivered for anything else, and when there is no answer."""
    target = parse_url(url)
    sent = {"User-Agent": "Tracer", **headers}
    if target.username is not None and not any(name.lower() == "authorization" for name in sent):
        credentials = aiohttp.encode_basic_auth(target.username, target.password or "", encoding="utf-8")
        sent["Authorization"] = credentials
    deadline = asyncio.get_running_loop().time() + SEND_TIMEOUT_S
    try:
        async with asyncio.timeout_at(deadline):
            return await _exchange(egress, target, body, sent, deadline)
    except TimeoutError:
        raise Undelivered(f"{target.host} did not answer within {SEND_TIMEOUT_S:g} s") from None
    except AddressRefusedError as error:
        raise Undelivered(f"not sent: {error}", permanent=True) from None
    except EgressError as error:
        raise Undelivered(str(error)) from None
    except (ssl.SSLError, aiohttp.ClientSSLError) as error:
        raise Undelivered(f"{target.host} could not be spoken to over TLS: {_reason(error)}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Undelivered(f"{target.host} could not be reached: {_reason(error)}") from None
    except ValueError as error:
        raise Undelivered(f"{target.host} answered with something that is not HTTP ({type(error).__name__})") from None


async def _exchange(
    egress: Egress, target: Target, body: bytes, headers: Mapping[str, str], deadline: float
) -> Delivered:
    vetted = await egress.resolve(target.host, target.port, deadline)

    def made(info: Any) -> socket.socket:
        address = address_of(str(info[4][0]))
        if address is None or egress.refusal(address) is not None:
            raise _BlockedError(f"{target.host} led to an address that must not be reached")
        return socket.socket(info[0], info[1], info[2])

    connector = aiohttp.TCPConnector(
        resolver=_Pinned(vetted.addresses),
        use_dns_cache=False,
        force_close=True,
        socket_factory=made,
        ssl=authorities() if target.scheme == "https" else False,
    )
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        ) as session,
        session.post(URL(target.url, encoded=True), data=body, headers=headers, allow_redirects=False) as answer,
    ):
        return _judged(answer.status, answer.headers.get("Retry-After"), target.host)


def _judged(status: int, retry_after: str | None, host: str) -> Delivered:
    if 200 <= status < 300:
        return Delivered(status)
    if 300 <= status < 400:
        message = f"{host} answered {status}: redirects are not followed, give the address it leads to"
        raise Undelivered(message, status_code=status)
    if status == _GONE:
        raise Undelivered(f"{host} answered 410: it is gone for good", gone=True, status_code=status)
    permanent = 400 <= status < 500 and status not in _TRY_AGAIN
    raise Undelivered(
        f"{host} answered {status}",
        permanent=permanent,
        status_code=status,
        retry_after_s=None if permanent else retry_after_s(retry_after),
    )


def retry_after_s(text: str | None) -> float | None:
    """`120` or an HTTP date -> seconds from now, a day at most; None for nothing sensible."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MOST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
        left = at.timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(left, 0.0), _MOST_RETRY_AFTER_S)


@cache
def authorities() -> ssl.SSLContext:
    """Whom receivers are verified by: SSL_CERT_FILE, else the bundle of certifi. Made once: reading it takes 10 ms."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())


def _reason(error: BaseException) -> str:
    """A short word for what the system or TLS said; never what the receiver sent."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    if isinstance(inner, ssl.SSLError):
        return inner.reason or "handshake failed"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    if isinstance(inner, OSError):
        return str(inner) or type(inner).__name__
    return {"ServerDisconnectedError": "it hung up without an answer"}.get(type(inner).__name__, type(inner).__name__)

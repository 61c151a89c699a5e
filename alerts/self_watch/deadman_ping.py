"""One GET to the service that watches Tracer (TRACER_DEADMAN_URL), through egress: resolved, vetted, pinned."""

from __future__ import annotations

import asyncio
import socket
import ssl

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult

from egress.door import Egress
from egress.errors import EgressError
from model.addresses import AddressPolicy
from model.hosts import parse_url

TIMEOUT_S = 10.0
_HEADERS = {"User-Agent": "Tracer", "Accept": "*/*"}


class PingFailedError(Exception):
    """The text is a sentence's end for the operator, without the address's path: that is a secret."""


async def ping(url: str, policy: AddressPolicy) -> None:
    """Returns when the answer is 2xx. Its body is not read and redirects are not followed. Raises PingFailedError."""
    target = parse_url(url)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            vetted = await Egress(policy).resolve(
                target.host, target.port, asyncio.get_running_loop().time() + TIMEOUT_S
            )
            status = await _get(url, vetted.addresses)
    except EgressError as error:
        raise PingFailedError(str(error)) from None
    except TimeoutError:
        raise PingFailedError(f"{target.host} did not answer within {TIMEOUT_S:.0f} s") from None
    except (aiohttp.ClientError, OSError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PingFailedError(f"{target.host} could not be asked: {reason}") from None
    if not 200 <= status < 300:
        raise PingFailedError(f"{target.host} answered {status}")


async def _get(url: str, addresses: tuple[str, ...]) -> int:
    trusted = ssl.create_default_context(cafile=certifi.where())
    trusted.load_default_certs()
    connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True, ssl=trusted)
    async with (
        aiohttp.ClientSession(connector=connector, headers=_HEADERS, trust_env=False) as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        return answer.status


class _Pinned(AbstractResolver):
    """Answers with the addresses that were vetted, whatever a second look-up would say."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - all are vetted
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

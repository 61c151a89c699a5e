"""The probe's line to the API: one client, its troubles turned into our own in one place, one log line an outage."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from model.protocol import PROTOCOL

_CONNECT_S = 3.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
"""Short, so that a returned API has its probes back within seconds; jittered, so that they don't come as one."""
_LONGEST_RETRY_AFTER_S = 60.0
_KEY_RETRY_S = 5.0
_LARGEST_ANSWER = 64 * 1024 * 1024
_log = structlog.get_logger(__name__)


class AddressError(ValueError):
    """The API's address can't be used; the text is for people."""


class ApiAwayError(Exception):
    """Not reachable, or not able to answer now. Worth trying again; `retry_after_s` is the API's own wish, `answered`
    tells whether somebody spoke HTTP at the address."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None, answered: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.answered = answered


class KeyRefusedError(Exception):
    """401 or 403: the key is unknown, revoked or not a probe's."""


class OutdatedError(Exception):
    """426: the API no longer speaks this probe's protocol."""


class RequestRefusedError(Exception):
    """Another 4xx: this very request will never be accepted. `status` is the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


def vet_address(url: str, *, insecure: bool) -> str:
    """The API's base address without a final slash. Leases carry secrets, so plain http is for loopback only, unless
    `insecure`. Raises AddressError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressError(f"{url!r} is not the address of a Tracer API, such as https://tracer.example.com")
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
        raise AddressError(
            f"{url} is plain http: the secrets of your checks would cross the network unencrypted. "
            "Use https, or say --insecure if that network is yours."
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Backoff:
    """Pauses between tries: doubling from 0.1 s to 2 s, each a random part of 50-100 %."""

    def __init__(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    def reset(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    def pause_s(self, wish_s: float | None = None) -> float:
        """How long to wait now. The API's own wish counts when it is longer, up to a minute."""
        pause = self._next_s * (0.5 + random.random() / 2)  # noqa: S311 - spreads probes, guards nothing
        self._next_s = min(2 * self._next_s, _LONGEST_PAUSE_S)
        return max(pause, min(wish_s or 0.0, _LONGEST_RETRY_AFTER_S))


class ApiConnection:
    """Posts JSON under the probe's key. Redirects are not followed: the key is for this address alone."""

    def __init__(self, url: str, key: str, version: str) -> None:
        self._url = url
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": f"tracer-probe/{version} (protocol {PROTOCOL})",
        }
        self._session: aiohttp.ClientSession | None = None
        self._away_since: dict[str, float] = {}
        self._proven = False

    async def __aenter__(self) -> ApiConnection:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=8, keepalive_timeout=3),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def away(self) -> bool:
        """Whether the last word from the API is missing."""
        return bool(self._away_since)

    async def post(self, path: str, body: bytes, timeout_s: float) -> bytes:
        """The body of a 200 answer. Raises as `send` does."""
        return await self.send("POST", path, body, timeout_s)

    async def put(self, path: str, body: bytes, content_type: str, timeout_s: float) -> None:
        """Store a file. Raises as `post` does; that there is no room for it, or no such path at an older API, is a
        refusal too."""
        await self.send("PUT", path, body, timeout_s, content_type)

    async def tell(self, path: str, body: bytes, timeout_s: float) -> bytes | None:
        """Say something that may be lost: the body of a 200 answer, None where there was none, whatever the reason.
        Nobody concludes from it whether the API is there."""
        try:
            return await self._exchange("POST", path, body, timeout_s, None)
        except (ApiAwayError, KeyRefusedError, OutdatedError, RequestRefusedError, aiohttp.ServerDisconnectedError):
            return None

    async def send(
        self, method: str, path: str, body: bytes, timeout_s: float, content_type: str | None = None
    ) -> bytes:
        """The body of a 200 answer. Raises ApiAwayError, OutdatedError, RequestRefusedError, or KeyRefusedError while
        the key has never worked; one that has, and is refused now, may work again: that is ApiAwayError too."""
        word = path if method == "POST" else "evidence"
        try:
            answer = await self._twice(method, path, body, timeout_s, content_type)
        except ApiAwayError as away:
            self._tell_away(word, away)
            raise
        except KeyRefusedError as refused:
            if not self._proven:
                raise
            shut_out = ApiAwayError(str(refused), retry_after_s=_KEY_RETRY_S, answered=True)
            self._tell_away(word, shut_out)
            raise shut_out from refused
        self._proven = True
        self._tell_back(word)
        return answer

    async def _twice(self, *request: Any) -> bytes:
        """Once more after a kept connection that the server closed in the very moment it was used: what a probe posts
        may be posted twice."""
        try:
            return await self._exchange(*request)
        except aiohttp.ServerDisconnectedError:
            try:
                return await self._exchange(*request)
            except aiohttp.ServerDisconnectedError as error:
                raise ApiAwayError(f"{type(error).__name__}: {error}") from error

    async def _exchange(self, method: str, path: str, body: bytes, timeout_s: float, content_type: str | None) -> bytes:
        if self._session is None:
            raise ApiAwayError("the connection is closed")
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_S)
        try:
            headers = {"Content-Type": content_type} if content_type is not None else None
            async with self._session.request(
                method, self._url + path, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                text = await _limited(response)
                if response.status == 200:
                    return text
                if method == "PUT" and response.status in (404, 405, 507):
                    raise RequestRefusedError(response.status, text[:200].decode(errors="replace"))
                raise _refusal(response, text)
        except TimeoutError:
            raise ApiAwayError(f"no answer within {timeout_s:g} s") from None
        except aiohttp.ServerDisconnectedError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise ApiAwayError(f"{type(error).__name__}: {error}") from error

    def _tell_away(self, path: str, away: ApiAwayError) -> None:
        if not self._away_since:
            _log.warning("api.away", url=self._url, path=path, reason=str(away))
        self._away_since.setdefault(path, time.monotonic())

    def _tell_back(self, path: str) -> None:
        since = self._away_since.pop(path, None)
        if since is not None and not self._away_since:
            _log.info("api.back", url=self._url, away_s=round(time.monotonic() - since, 1))


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    """The whole body; an endless one is somebody else's."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _LARGEST_ANSWER:
            raise ApiAwayError(f"an answer of more than {_LARGEST_ANSWER} bytes", answered=True)
    return b"".join(parts)


def _refusal(response: aiohttp.ClientResponse, text: bytes) -> Exception:
    said = text[:200].decode(errors="replace")
    if response.status in (401, 403):
        return KeyRefusedError(f"the API refuses this probe's key ({response.status}): {said}")
    if response.status == 426:
        return OutdatedError(f"the API no longer speaks protocol {PROTOCOL}; upgrade this probe: {said}")
    if response.status >= 500 or response.status in (404, 408, 425, 429) or 300 <= response.status < 400:
        hint = ": is this Tracer's address?" if response.status < 408 else f": {said}"
        return ApiAwayError(
            f"answer {response.status}{hint}", retry_after_s=_retry_after_s(response.headers), answered=True
        )
    return RequestRefusedError(response.status, said)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None

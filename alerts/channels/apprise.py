"""The hundred other services that people use (Teams, Discord, Telegram, PagerDuty, ntfy, SMS …), through apprise.

apprise runs in a child process of its own for each message: with a time limit, killed with all that it started, with
none of our settings in its environment, and with every connection judged by the guard (alerts/channels/apprise_child).
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, ClassVar

import msgspec
from pydantic import AfterValidator, StringConstraints

from alerts.channels.apprise_child import Asked
from alerts.channels.apprise_child import Told as ChildTold
from alerts.channels.apprise_schemes import ALLOWED
from alerts.channels.base import SEND_TIMEOUT_S, Channel, Delivered, Outgoing, Undelivered, Way
from alerts.messages.digest import digest
from alerts.messages.plain import plain, plain_digest
from alerts.messages.told import Told, told
from model.fields import printable
from model.secrets import MASK

_MAX_URL = 2_000
_ROOM = 1_500
"""Characters of a digest's events: what a chat shows without folding it, and one SMS splits into ten."""
_COMMAND = (sys.executable, "-I", "-m", "alerts.channels.apprise_child")
_MENTION = re.compile(r"@(?=\w)|<(?=[!@#&/a-zA-Z])")
_SCHEME = re.compile(r"([a-z0-9_-]{1,30})://", re.IGNORECASE)


def _is_allowed(url: str) -> str:
    found = _SCHEME.match(url)
    if url == MASK:
        return url
    if found is None:
        raise ValueError("must begin with a service's scheme, such as tgram:// or pagerduty://")
    scheme = found[1].lower()
    if scheme not in ALLOWED:
        raise ValueError(
            f"{scheme}:// is not among the services that Tracer lets apprise reach; the reference lists them"
        )
    if any(character.isspace() or ord(character) < 32 or ord(character) == 127 for character in url):
        raise ValueError("must not contain spaces or control characters")
    return url


class Apprise(Channel):
    """One service, by an apprise URL."""

    type: ClassVar[str] = "apprise"
    secrets: ClassVar[tuple[str, ...]] = ("url",)
    per_second: ClassVar[float] = 1.0

    url: Annotated[
        str,
        StringConstraints(min_length=1, max_length=_MAX_URL),
        AfterValidator(printable),
        AfterValidator(_is_allowed),
    ]

    def mistakes(self) -> dict[str, str]:
        asked = msgspec.json.encode(Asked(self.url))
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                _COMMAND, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(), cwd="/",
                timeout=SEND_TIMEOUT_S, start_new_session=True, check=False,
            )  # fmt: skip
            understood = msgspec.json.decode(done.stdout, type=ChildTold).delivered
        except (subprocess.TimeoutExpired, msgspec.DecodeError):
            understood = False
        if understood:
            return {}
        scheme = self.url.partition(":")[0].lower()
        return {"url": f"is not an address that apprise understands: its documentation shows the form of {scheme}://"}

    async def send(self, outgoing: Outgoing, way: Way) -> Delivered:
        events = [_defused(told(payload, way.public_url, way.acknowledge_url)) for payload in outgoing.payloads]
        if len(events) == 1:
            title, body = _MENTION.sub(_apart, events[0].subject), plain(events[0])
            kind = "success" if events[0].good else "failure"
        else:
            whole = digest(events, way.public_url)
            title, body, kind = whole.subject, plain_digest(whole, _ROOM), "warning"
        allow = [str(network) for network in way.egress.policy.allow]
        answer = await _in_child(Asked(self.url, title, body, kind, allow))
        if answer.delivered:
            return Delivered()
        if answer.refused:
            raise Undelivered(f"not sent: {answer.refused}", permanent=True)
        raise Undelivered(answer.error or "the service did not take the message")


def _defused(event: Told) -> Told:
    """What could call people by name or group in some chat does so no more: a zero-width space stands in it."""
    facts = [(label, _MENTION.sub(_apart, text)) for label, text in event.facts]
    return replace(
        event,
        headline=_MENTION.sub(_apart, event.headline),
        context=_MENTION.sub(_apart, event.context),
        facts=facts,
    )


def _apart(found: re.Match[str]) -> str:
    return found[0] + "\u200b"


async def _in_child(asked: Asked) -> ChildTold:
    child = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=_environment(), cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            output, _ = await child.communicate(msgspec.json.encode(asked))
        return msgspec.json.decode(output, type=ChildTold)
    except TimeoutError:
        raise Undelivered(f"the service did not answer within {SEND_TIMEOUT_S:g} s") from None
    except msgspec.DecodeError:
        raise Undelivered(f"apprise ended without an answer (exit code {child.returncode})") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(child.wait(), 5)


def _environment() -> dict[str, str]:
    """Nothing of ours: no settings, no secrets, no proxy that would lead past the guard."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE", "TZ") if name in os.environ}
    if "SSL_CERT_FILE" in kept:
        kept["REQUESTS_CA_BUNDLE"] = kept["SSL_CERT_FILE"]
    return kept

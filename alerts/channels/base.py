"""What a channel is: its configuration, what it may cost a receiver, and one way to send.

A channel type is a subclass of `Channel` in a file of its own and a line in alerts/channels/registry.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from egress.door import Egress
from model.addresses import is_metadata
from model.definition import Strict
from model.hosts import WebUrl, parse_url

SEND_TIMEOUT_S = 15.0
"""What one attempt may take, from the name's look-up to the receiver's answer (Standard Webhooks: 15 to 30 s)."""


class Undelivered(Exception):  # noqa: N818 - what the caller is told, not a mistake of ours
    """The receiver did not take it. The text is a sentence for people and holds nothing that the receiver sent.

    `permanent`: asking again can't help. `gone`: the receiver says that it is gone for good (410). `retry_after_s`:
    when it wants to be asked again.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        gone: bool = False,
        status_code: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent or gone
        self.gone = gone
        self.status_code = status_code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Delivered:
    """`status_code`: what the receiver answered (HTTP or SMTP), if its protocol has such. `note`: what went less than
    well, such as one recipient of several who was refused."""

    status_code: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message: `payloads` holds the webhook bodies of one event or, in a digest, of several. `id` is the same over
    all tries. `at_s`: the time of this try, Unix seconds. `signing_secret`: `whsec_…`, of a webhook."""

    id: str
    channel_id: str
    payloads: tuple[dict[str, Any], ...]
    at_s: int
    signing_secret: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """What channels send with. `public_url`: where links lead, without a slash at its end. `acknowledge_url`: alert id
    -> the signed link that acknowledges it, or None when there can be none. `smtp_url`, `smtp_from`: the settings."""

    egress: Egress
    public_url: str
    acknowledge_url: Callable[[str], str | None]
    smtp_url: str | None = None
    smtp_from: str | None = None


class Channel(Strict):
    """The fields are the REST `config`. `secrets`: fields that are masked (of a dict, each of its values).
    `per_second`: the pace. `in_digests`: whether a storm of events comes as one message."""

    type: ClassVar[str]
    secrets: ClassVar[tuple[str, ...]] = ()
    per_second: ClassVar[float] = 1.0
    in_digests: ClassVar[bool] = True

    def mistakes(self) -> dict[str, str]:
        """What only a closer look shows, by field: asked once, when a person gives the configuration."""
        return {}

    @abstractmethod
    async def send(self, outgoing: Outgoing, way: Way) -> Delivered:
        """Deliver it within SEND_TIMEOUT_S. Raises Undelivered, and nothing else."""


def _is_no_metadata(url: str) -> str:
    address = parse_url(url).address
    if address is not None and is_metadata(address):
        raise ValueError("must not lead to a cloud's metadata address")
    return url


ChannelUrl = Annotated[WebUrl, AfterValidator(_is_no_metadata)]
"""http(s); whether it may be connected to is judged at each sending, on the address it leads to."""

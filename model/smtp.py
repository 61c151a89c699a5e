"""TRACER_SMTP_URL, read: which mail server, how, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from model.hosts import BadHostError, parse_host

_PORTS = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """`tls`: from the first byte on (smtps); else STARTTLS where the server offers it."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = None


def parse_smtp_url(text: str) -> MailServer:
    """`smtp://user:password@host:587`. Raises ValueError with a sentence that repeats nothing of the text."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not an address such as smtp://user:password@mail.example.com:587") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("must begin with smtp:// or smtps://, then a host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("must end after host and port (a / or # in the password is written %2F or %23)")
    try:
        host = parse_host(parts.hostname)
    except BadHostError as error:
        raise ValueError(f"names a host that {error}") from None
    return MailServer(
        host=host,
        port=_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "smtps",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )

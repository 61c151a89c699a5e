"""Request headers as libcurl takes them, and the name by which Tracer goes."""

from __future__ import annotations

import base64
from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("tracer")
    except PackageNotFoundError:
        return "0"


USER_AGENT = f"Tracer/{_version()} (synthetic monitoring)"


def header_line(name: str, value: str) -> bytes:
    """As libcurl takes it: an empty value needs a semicolon, or the header would be left out."""
    value = value.strip(" \t")
    return f"{name}: {value}".encode() if value else f"{name};".encode()


def basic_authorization(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")

"""The form of each type of monitor: which fields, in which order and words. What they are is read off the definition's
schema, so that a new check type has a form with no line here; what is said here makes a form nicer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import BaseModel

from api.families import MONITOR
from api.pages.schema_fields import YES, Field, fields_of
from api.pages.spans import HINT
from model.definition import CheckDefinition

TITLES = {
    "url": ("Page", "a page or endpoint that answers"),
    "api": ("API", "an endpoint that answers with data"),
    "tcp": ("TCP port", "a port that takes connections"),
    "dns": ("DNS record", "a name that can be looked up"),
    "heartbeat": ("Heartbeat", "a job that calls when it is done"),
}
"""Of a type: what people call it, and what it watches."""
COMMON_SHOWN = ("name", "interval", "locations", "tags")
_LEFT_OUT = ("type", "assertions", "status", "muted_until")
"""What has a place of its own: rows, buttons of the monitor's page."""
_SHOWN = {"url": ("url", "method"), "api": ("url", "method", "headers", "json"), "dns": ("host", "record_type"),
          "heartbeat": ("interval", "grace")}  # fmt: skip
_WORDS = {
    "url": "Address", "json": "JSON body", "interval": "How often", "timeout": "Waits at most",
    "degraded_ms": "Slow above", "runbook_url": "Runbook", "depends_on": "Depends on",
    "badge": "Anybody may see its badges", "retries.count": "Tries again", "retries.delay": "Between tries",
    "basic_auth.username": "User name (basic auth)", "basic_auth.password": "Password (basic auth)",
    "verify_tls": "The certificate must be valid", "follow_redirects": "Follow redirects",
    "http_version": "HTTP version", "tls.enabled": "Speak TLS from the first byte",
    "tls.server_name": "Name in the certificate", "tls.verify": "The certificate must be valid ",
    "client_certificate.certificate": "Client certificate (PEM)", "client_certificate.key": "Its private key (PEM)",
    "secret_headers": "Secret headers", "grace": "May be late by", "cron": "Cron",
    "timezone": "Time zone of cron", "expect": "Expect in the answer", "nameserver": "Ask this nameserver",
    "max_redirects": "Redirects at most", "headers": "Headers", "traceparent": "Begin a trace",
    "viewport.width": "Window width (px)", "viewport.height": "Window height (px)",
}  # fmt: skip
_ABOUT = {
    "interval": HINT, "grace": HINT,
    "timeout": "For an answer, such as 10 s", "retries.delay": "Such as 5 s", "cron": "Such as */5 8-18 * * 1-5",
    "locations": "None: where the organization's checks run",
    "base_url": "What relative URLs of steps begin with",
    "headers": "A line each: Name: value. Those that look like keys are kept secret",
    "extra_headers": "A line each: Name: value. Sent with every request of the browser",
    "depends_on": "Names of checks, parted by commas: while one of them is down, nobody is told of this one",
    "badge": "/badge/:id/state.svg and uptime.svg, without a sign-in",
    "retries.count": "Times, before a failure is one: 0 to 5",
    "send": r"To the last character: \r\n ends a line, as in EHLO probe\r\n; \\ is a backslash",
    "secret_headers": "Names of headers whose values are kept secret, too",
    "degraded_ms": "Passes, but counts as slow: such as 800 ms or 2 s",
    "traceparent": "Sends a W3C traceparent: what the service reports of it stands beside the run",
}  # fmt: skip
_KINDS = {
    "interval": "span", "grace": "span", "timeout": "span", "retries.delay": "span", "degraded_ms": "ms_span",
    "headers": "pairs", "extra_headers": "pairs", "basic_auth.password": "secret",
    "client_certificate.certificate": "long", "client_certificate.key": "long", "send": "escaped",
}  # fmt: skip
_BOOLEANS = {"true": YES, "false": ""}
_PLACEHOLDERS = {"url": "https://example.com/health", "host": "example.com", "name": "As its address"}


@cache
def form_fields(kind: str) -> Mapping[str, Field]:
    """Every field of the form, by its name there; `retries.count` is part of `retries`."""
    return {field.name: dressed(field) for field in flat_fields(MONITOR.types[kind])}


@cache
def asked_fields(kind: str) -> tuple[list[Field], list[Field]]:
    """What says what is asked: those to show at once, and the others."""
    fields = form_fields(kind)
    own = [name for name in fields if name.partition(".")[0] not in CheckDefinition.model_fields or name == "grace"]
    shown = [name for name in _SHOWN.get(kind, [name for name in own if fields[name].required]) if name in fields]
    return [fields[name] for name in shown], [fields[name] for name in own if name not in shown]


@cache
def other_fields(kind: str) -> tuple[list[Field], list[Field]]:
    """When, from where and the rest: those to show at once, and the others."""
    asked = {field.name for part in asked_fields(kind) for field in part}
    fields = form_fields(kind)
    left = [name for name in fields if name not in asked and not (kind == "heartbeat" and name in _NOT_OF_HEARTBEATS)]
    shown = [name for name in COMMON_SHOWN if name in left]
    return [fields[name] for name in shown], [fields[name] for name in left if name not in shown]


_NOT_OF_HEARTBEATS = ("locations", "timeout", "retries.count", "retries.delay", "degraded_ms")


def placeholder(name: str) -> str:
    """What such a field may hold."""
    return _PLACEHOLDERS.get(name, "")


def flat_fields(model: type[CheckDefinition]) -> Iterator[Field]:
    """A definition's fields; of one that is an object with names of its own, each of these."""
    inner = {info.alias or name: _object(info.annotation) for name, info in model.model_fields.items()}
    for name, field in fields_of(model).items():
        if name in _LEFT_OUT:
            continue
        nested = inner.get(name)
        if nested is None:
            yield field
            continue
        for part in fields_of(nested).values():
            yield replace(part, name=f"{name}.{part.name}", required=False)


def _object(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, alone or beside None."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((given for given in candidates if isinstance(given, type) and issubclass(given, BaseModel)), None)


def dressed(field: Field) -> Field:
    """The same field in the words and kind that a form gives it."""
    kind = _KINDS.get(field.name, field.kind)
    if field.default in _BOOLEANS:
        kind = "flag"
    return replace(
        field,
        kind=kind,
        default=_BOOLEANS.get(field.default, field.default),
        about=_ABOUT.get(field.name, field.about),
        words=_WORDS.get(field.name, field.name.rpartition(".")[2].replace("_", " ").capitalize()),
    )

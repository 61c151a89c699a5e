"""From the target that a person types to a definition: `https://…`, `tcp://host:port`, `dns://name?type=MX`."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from model.definition import CheckDefinition
from model.validation import field_errors
from probes.registry import parse

_FORMS = "https://example.com/health, tcp://example.com:5432 or dns://example.com?type=MX"
_TLS_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class TargetError(ValueError):
    """The target is no check; the text says why, for people."""


def definition_of(target: str, *, timeout: float = 30) -> CheckDefinition:
    """The check that a target stands for. Raises TargetError.

    tcp takes `?tls=1&verify=0&server_name=…&send=…&expect=…`; dns `?type=…&nameserver=…&protocol=…`, and with an
    authority (`dns://9.9.9.9/example.com`, RFC 4501) asks that nameserver."""
    scheme = target.partition("://")[0].lower()
    try:
        if scheme in ("http", "https"):
            fields: dict[str, Any] = {"type": "url", "url": target}
        elif scheme == "tcp":
            fields = _tcp(target)
        elif scheme == "dns":
            fields = _dns(target)
        else:
            raise TargetError(f"{target[:80]!r} is not a target: give {_FORMS}")
        return parse({"name": target[:200], "timeout": timeout, **fields})
    except ValidationError as error:
        said = "; ".join(f"{path} {message}".strip() for path, (message, *_) in field_errors(error).items())
        raise TargetError(f"{target[:80]!r}: {said}") from None
    except ValueError as error:
        raise error if isinstance(error, TargetError) else TargetError(f"{target[:80]!r}: {error}") from None


def _tcp(target: str) -> dict[str, Any]:
    parts = urlsplit(target)
    options = _options(parts.query, ("tls", "verify", "server_name", "send", "expect"))
    if parts.hostname is None or parts.port is None:
        raise TargetError(f"{target[:80]!r} needs a host and a port: tcp://example.com:5432")
    tls: dict[str, Any] = {"enabled": _flag(options, "tls", default="verify" in options or "server_name" in options)}
    tls["verify"] = _flag(options, "verify", default=True)
    if "server_name" in options:
        tls["server_name"] = options["server_name"]
    spoken: dict[str, Any] = {name: options[name] for name in ("send", "expect") if name in options}
    return {"type": "tcp", "host": parts.hostname, "port": parts.port, "tls": tls, **spoken}


def _dns(target: str) -> dict[str, Any]:
    parts = urlsplit(target)
    options = _options(parts.query, ("type", "nameserver", "protocol"))
    fields: dict[str, Any] = {"type": "dns", "record_type": options.get("type", "A").upper()}
    name = unquote(parts.path.strip("/"))
    if name:
        fields |= {"host": name, "nameserver": parts.netloc} if parts.netloc else {"host": name}
    else:
        fields["host"] = unquote(parts.netloc)
    return fields | {name: options[name] for name in ("nameserver", "protocol") if name in options}


def _options(query: str, known: tuple[str, ...]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=20))
    unknown = options.keys() - set(known)
    if unknown:
        raise TargetError(f"{min(unknown)!r} is no option of this target: {', '.join(known)} are")
    return options


def _flag(options: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in options:
        return default
    flag = _TLS_WORDS.get(options[name].lower())
    if flag is None:
        raise TargetError(f"{name}={options[name][:20]} must be 1 or 0")
    return flag

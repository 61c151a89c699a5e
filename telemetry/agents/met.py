"""What a call met: which address, answered how. Read from what the call asked and from what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, NamedTuple

from telemetry.agents import payload_words as words
from telemetry.agents.layers import Names, layers_of
from telemetry.agents.targets import target_of, url_in, without_urls
from telemetry.fingerprints import plain

FAILED = 400
_ADDRESS = Names(
    "url", "uri", "href", "endpoint", "address", "link", "target", "url.full", "http.url", "request_url", "page"
)
_STATUS = Names(
    "status_code", "statusCode", "http_status", "httpStatus", "http.response.status_code", "http.status_code", "status",
    "code",
)  # fmt: skip
_PHRASES = "|".join(re.escape(status.phrase) for status in HTTPStatus if status >= FAILED)
_THEN = r"['\"]?\s*[:=]?\s*[('\"]?([45]\d\d)\b"
_PLAIN_STATUS = (
    re.compile(rf"\bHTTP(?:/[\d.]+)?(?: (?:status|error)(?:[ _-]?code)?)?{_THEN}", re.IGNORECASE),
    re.compile(rf"\bstatus(?:[ _-]?code)?{_THEN}", re.IGNORECASE),
    re.compile(rf"\b([45]\d\d)\b:? (?:Server Error|Client Error|{_PHRASES})\b", re.IGNORECASE),
)
"""What nothing but a status looks like."""
_TOLD_STATUS = (
    re.compile(r"status code to be .{1,80}, got ([1-5]\d\d)\b"),
    *_PLAIN_STATUS,
    re.compile(rf"\b(?:error(?:[ _-]?code)?|answered|returned|responded(?: with)?|code){_THEN}", re.IGNORECASE),
)
"""The same where it is known that something failed."""
_TOLD_ADDRESS = (
    re.compile(r"(https?://[^\s\"'`<>]+) answered \d{3}\b", re.IGNORECASE),
    re.compile(r"(https?://[^\s\"'`<>]+) could not be (?:opened|reached)", re.IGNORECASE),
    re.compile(r"\bfor url:?\s*['\"`(]?(https?://[^\s\"'`<>)]+)", re.IGNORECASE),
)
"""An error that names the address it is about, as browsers' steps and HTTP libraries word it."""
_CLASSES = (
    ("connect_refused", r"connection refused|connection was refused|actively refused|connect_refused|"
                        r"E?CONN(?:ECTION_)?REFUSED|Errno 111"),
    ("dns_failure", r"dns_failure|ENOTFOUND|EAI_AGAIN|getaddrinfo|name or service not known|nodename nor servname|"
                    r"name resolution|no such host|could(?: not|n't) resolve|NXDOMAIN|NAME_NOT_RESOLVED|"
                    r"its name does not exist"),
    ("tls_error", r"tls_error|certificate|\bTLS\b|\bSSL|SSLError|ERR_(?:CERT|SSL)"),
    ("timeout", r"tim(?:ed|e)[ _-]?out|ETIMEDOUT|deadline exceeded|did not (?:answer|finish loading)"),
    ("protocol_error", r"protocol_error|ECONNRESET|connection (?:was )?(?:reset|closed|aborted)|broken pipe|EPIPE|"
                       r"server disconnected|socket hang up|EMPTY_RESPONSE"),
)  # fmt: skip
_HOW = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _CLASSES)
_BEGINS = 100
"""Characters of an answer in which it says that it is an error, where it does; what follows may speak of anything."""
_MOST_WORDS, _DEEPEST, _MOST_VALUES = 200, 6, 200


class Met(NamedTuple):
    """`target`: as target_of gives it, None where none is known. `how`: it failed, None where it did not:
    `HTTP 500`, a class of errors (`timeout`), else the error's words without numbers and ids; "" where it only says
    that it did."""

    target: str | None
    how: str | None


def met(asked: Any, told: Any, error: str | None) -> Met:
    """`asked`, `told`: payloads of a tool's call and of what answered it, None where there is none; `error`: what went
    wrong in words, None where nothing is known to have. What an answer holds may be full of other addresses: of it only
    what a name, or its error, says to be the one counts."""
    answer = layers_of(told)
    result = words.result_of(answer)
    answers = [*answer.each, *layers_of(result).each]
    text = result if isinstance(result, str) else ""
    said = f"{error or ''}\n{text}"
    status = _status_of(answers) or (
        _told_status(text[:_BEGINS], _PLAIN_STATUS) if error is None else _told_status(said, _TOLD_STATUS)
    )
    how = how_it_failed(status, error)
    named = _told_address(said) if how is not None else None
    address = named or _asked_address(asked) or _address_under_a_name(answers) or url_in(error or "")
    return Met(None if address is None else target_of(address), how)


def how_it_failed(status: int, error: str | None) -> str | None:
    """None where nothing did."""
    if status >= FAILED:
        return f"HTTP {status}"
    if error is None:
        return None
    for name, pattern in _HOW:
        if pattern.search(error):
            return name
    return in_words(error)


def in_words(error: str) -> str:
    """The error's words without numbers, ids and addresses."""
    return plain(without_urls(error)).lower()[:_MOST_WORDS]


def arguments_in(payload: Any) -> Any:
    """What a call asked, read; None where it has no arguments, or none of which anything is recorded. Numbers that
    stand under the same names, as counts of tokens do, are none."""
    for layer in layers_of(payload).each:
        for name in () if words.ARGUMENTS.known.isdisjoint(layer) else words.ARGUMENTS:
            found = layer.get(name)
            if isinstance(found, str | dict | list):
                return words.decoded(found) or None
    return None


def _status_of(layers: Sequence[dict[str, Any]]) -> int:
    """The first that says a failure; 0 where none does."""
    for layer in layers:
        if _STATUS.known.isdisjoint(layer):
            continue
        for name in _STATUS:
            value = layer.get(name)
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool) and FAILED <= value <= 599:
                return value
    return 0


def _told_status(text: str, patterns: Sequence[re.Pattern[str]]) -> int:
    for pattern in patterns:
        found = pattern.search(text)
        if found is not None:
            return int(found[1])
    return 0


def _told_address(text: str) -> str | None:
    found = next((match for pattern in _TOLD_ADDRESS if (match := pattern.search(text)) is not None), None)
    return None if found is None else url_in(found[1])


def _asked_address(asked: Any) -> str | None:
    """What a call was about: under a name that says so, else the first in any of its texts, by the order of names."""
    found = arguments_in(asked)
    arguments = asked if found is None else found
    named = _address_under_a_name(layers_of(arguments).each)
    if named is not None:
        return named
    texts = islice(_texts(arguments, 0), _MOST_VALUES)
    return next((found for text in texts if (found := url_in(text)) is not None), None)


def _address_under_a_name(layers: Sequence[dict[str, Any]]) -> str | None:
    for layer in layers:
        for name in () if _ADDRESS.known.isdisjoint(layer) else _ADDRESS:
            found = layer.get(name)
            if isinstance(found, str) and target_of(found.strip()) is not None:
                return found.strip()
    return None


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, list):
        for item in value:
            yield from _texts(item, depth + 1)
    elif depth < _DEEPEST and isinstance(value, dict):
        for name in sorted(value):
            yield from _texts(value[name], depth + 1)

"""Takes secret values out of what a target sent back, in every form they are likely to return in (R14, T6). Pure.

A target may echo what it was sent: as it was, percent-encoded in a link, base64 in a header, escaped in JSON or HTML.
Short and numeric secrets are taken out too; a mask too many is better than a leak.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from model.matching.json_text import CUT
from model.outcome import AssertionResult, RunError
from model.protocol import Result
from model.secrets import MASK

_SHORTEST_TAIL = 4
"""A text cut to size may end in the beginning of a secret; fewer characters than these tell nobody anything."""
_SHORTEST_IN_HEX = 4
_CREDENTIAL = re.compile(r"(Basic|Bearer|Token|Digest|ApiKey)\s+(\S+)", re.IGNORECASE)

_UNSAFE_IN_HTML = re.compile(r"[<>&'+]")


class Scrubber:
    """Built once per definition from its secret values; without any, everything passes untouched and at no cost."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in forms_of(secret)}
        self._longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._longest_first))) if forms else None
        beginnings = {form[:_SHORTEST_TAIL] for form in forms if len(form) > _SHORTEST_TAIL}
        self._beginning = re.compile("|".join(map(re.escape, sorted(beginnings)))) if beginnings else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text with each form of each secret replaced by the mask, and a cut-off beginning of one at its end."""
        if self._pattern is None or not text:
            return text
        bare = text.removesuffix(CUT)
        return self._cut_tail(self._pattern.sub(MASK, bare)) + text[len(bare) :]

    def tree(self, value: Any) -> Any:
        """JSON-like data with every string, key and number in it scrubbed; a number is masked when it is a secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key) if isinstance(key, str) else key: self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.tree(item) for item in value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if str(value) in self._longest_first else value
        return value

    def result(self, result: Result) -> Result:
        """A run's result, fit to be written to disk and sent: what the target or an error text may hold is scrubbed,
        figures and codes that are Tracer's own stay."""
        if self._pattern is None:
            return result
        return msgspec.structs.replace(
            result,
            error=self._error(result.error),
            assertions=tuple(self._assertion(assertion) for assertion in result.assertions),
            attempts=tuple(
                msgspec.structs.replace(attempt, error=self._error(attempt.error)) for attempt in result.attempts
            ),
            response=None if result.response is None else self._response(result.response),
        )

    def _error(self, error: RunError | None) -> RunError | None:
        return None if error is None else RunError(error.code, self.text(error.message))

    def _assertion(self, assertion: AssertionResult) -> AssertionResult:
        return msgspec.structs.replace(
            assertion,
            expected=self.tree(assertion.expected),
            actual=self.tree(assertion.actual),
            reason=None if assertion.reason is None else self.text(assertion.reason),
            path=None if assertion.path is None else self.text(assertion.path),
            name=None if assertion.name is None else self.text(assertion.name),
        )

    def _response(self, response: dict[str, object]) -> dict[str, object]:
        """The field names and plain numbers of a response are ours (status code, bytes); all else is the target's."""
        return {
            key: value if isinstance(value, (int, float)) or key in ("http_version", "remote_ip") else self.tree(value)
            for key, value in response.items()
        }

    def _cut_tail(self, text: str) -> str:
        if self._beginning is None:
            return text
        found = self._beginning.search(text, max(0, len(text) - len(self._longest_first[0])))
        while found is not None:
            at = found.start()
            if any(form.startswith(text[at:]) for form in self._longest_first):
                return text[:at] + MASK
            found = self._beginning.search(text, at + 1)
        return text


def _values(secret: str) -> Iterator[str]:
    """A secret and the parts of it that are secret alone: the token after `Bearer`, the password inside `Basic`."""
    yield secret
    yield secret.strip()
    credential = _CREDENTIAL.fullmatch(secret.strip())
    if credential is None:
        return
    yield credential[2]
    if credential[1].lower() == "basic":
        try:
            pair = base64.b64decode(credential[2], validate=True).decode()
        except ValueError:
            return
        yield pair
        yield pair.partition(":")[2]


def forms_of(secret: str) -> frozenset[str]:
    """Every text in which a secret, or a part of it that is secret alone, may be met."""
    return frozenset(form for value in _values(secret) for form in _forms(value) if form)


def _forms(value: str) -> Iterator[str]:
    if not value:
        return
    yield value
    yield from _url_forms(value)
    yield from _json_forms(value)
    yield from _html_forms(value)
    yield from _base64_forms(value.encode())
    yield from _hex_forms(value.encode())


def _url_forms(value: str) -> Iterator[str]:
    """Percent-encoded by Python, by a page's encodeURIComponent, by forms, by the URL standard; twice, too."""
    for encoded in {
        quote(value, safe=""), quote(value), quote_plus(value), quote(value, safe="!'()*~"),
        quote_plus(value, safe="*").replace("~", "%7E"), quote(value, safe="!$%&'()*+,/:;=?@[\\]^`{|}~"),
        quote(value, safe="!$&()*+,/:;=?@[\\]^`{|}~"), quote(quote(value, safe=""), safe=""),
    }:  # fmt: skip
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)


def _json_forms(value: str) -> Iterator[str]:
    """As JSON, as JSON that may stand in a page, and as JSON in JSON."""
    for ascii_only in (True, False):
        encoded = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield encoded
        yield encoded.replace("/", "\\/")
        yield _UNSAFE_IN_HTML.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)
        for outer_ascii_only in (True, False):
            yield json.dumps(encoded, ensure_ascii=outer_ascii_only)[1:-1]


def _html_forms(value: str) -> Iterator[str]:
    """As text or in an attribute, by Python or by a browser, which leaves ' and sometimes < and > as they are."""
    yield html.escape(value)
    yield html.escape(value).replace("&#x27;", "&#39;")
    yield html.escape(value, quote=False)
    yield html.escape(value, quote=False).replace('"', "&quot;")
    yield value.replace("&", "&amp;").replace('"', "&quot;")


def _hex_forms(raw: bytes) -> Iterator[str]:
    """Of a value long enough that its digits don't turn up by chance."""
    if len(raw) >= _SHORTEST_IN_HEX:
        yield raw.hex()
        yield raw.hex().upper()


def _base64_forms(raw: bytes) -> Iterator[str]:
    """What stays the same of a value's base64 at each of the three places it can begin inside a longer text; of a
    value too short to leave a telling core, only its own encoding."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield whole
        yield whole.rstrip("=")
        for shift in range(3):
            first = -(-shift * 8 // 6)
            core = encode(b"\0" * shift + raw).decode()[first : (shift + len(raw)) * 8 // 6]
            if len(core) >= _SHORTEST_TAIL + 2:
                yield core

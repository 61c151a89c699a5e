"""The URLs that steps go to: absolute http(s), relative to the base, moved with it to another origin. Pure."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urljoin, urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from journeys.variables import has_place
from model.fields import printable
from model.hosts import MAX_URL, BadHostError, parse_url

_SCHEME = re.compile(r"[\x00-\x20]*[a-zA-Z][a-zA-Z0-9+.-]*\s*:")
_SCHEMES_ALLOWED = re.compile(r"https?://", re.IGNORECASE)
_ANY_BASE = "https://base.invalid/"
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]")


def _step_url(text: str) -> str:
    """Absolute, or relative to a base. With a `{{NAME}}` in it, the rest is judged when a run has filled it in."""
    printable(text)
    plain = text.partition("{{")[0] if has_place(text) else text
    if _SCHEME.match(plain) and not _SCHEMES_ALLOWED.match(plain):
        raise ValueError("must begin with http:// or https://, or be relative to the base_url, such as /login")
    if not has_place(text):
        _vetted(text)
    return text


def _vetted(text: str) -> None:
    if _SCHEMES_ALLOWED.match(text):
        parse_url(text)
        return
    if _UNSEEN.search(text):
        raise ValueError("must not contain spaces, control characters or backslashes")
    parse_url(urljoin(_ANY_BASE, text))


def is_absolute(text: str) -> bool:
    """Whether the URL names its own host. One that begins with a `{{NAME}}` may do so too."""
    return bool(_SCHEMES_ALLOWED.match(text)) or text.startswith("{{")


def origin_of(url: str) -> str | None:
    """`https://host:port` of an absolute URL, as it is written, lower case; None of any other text."""
    if not _SCHEMES_ALLOWED.match(url):
        return None
    try:
        parse_url(url)
    except BadHostError:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _url_glob(text: str) -> str:
    printable(text)
    if any(character.isspace() for character in text):
        raise ValueError("must not contain white space")
    return text


class Base:
    """Where relative URLs lead. `home`: the journey's base; `moved_to`: where a run has every URL of that origin go."""

    def __init__(self, home: str | None, moved_to: str | None = None) -> None:
        self.home = home
        self.moved_to = moved_to
        self._home_origin = None if home is None else origin_of(home)
        self._new_origin = None if moved_to is None else (origin_of(moved_to) or "")

    @property
    def origin(self) -> str | None:
        """`https://host:port` that relative URLs lead to in this run."""
        return self._new_origin if self.moved_to is not None else self._home_origin

    def resolve(self, url: str) -> str:
        """The URL to go to. Raises BadHostError."""
        base = self.moved_to or self.home
        if base is not None:
            url = urljoin(base, url)
        url = self.moved(url)
        parse_url(url)
        return url

    def moved(self, text: str) -> str:
        """A URL or a pattern of one, its beginning moved when it is the base's origin."""
        if self._home_origin is None or self._new_origin is None or not text.lower().startswith(self._home_origin):
            return text
        rest = text[len(self._home_origin) :]
        return self._new_origin + rest if not rest or rest[0] in "/?#*" else text


UrlGlob = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL), AfterValidator(_url_glob)]
StepUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL),
    AfterValidator(_step_url),
    Field(json_schema_extra={"format": "uri-reference"}),
]

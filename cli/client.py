"""The command line's way to the REST API: one request, one envelope, errors as sentences."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

DEFAULT_URL = "http://127.0.0.1:8000"
_TIMEOUT_S = 30


class ApiError(Exception):
    """What the API answered, or that it could not be reached, in words for the person at the terminal."""

    def __init__(self, message: str, *, fields: dict[str, list[str]] | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}
        self.status = status


class Client:
    """Talks to TRACER_URL with TRACER_API_KEY."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self.url = (url or os.environ.get("TRACER_URL") or DEFAULT_URL).rstrip("/")
        self._key = key or os.environ.get("TRACER_API_KEY")

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The envelope of a 2xx answer: {"success", "data", "meta"?}. Anything else raises ApiError."""
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(given)}" if given else "")
        if not target.startswith(("http://", "https://")):
            raise ApiError(f"TRACER_URL must begin with http:// or https://, not {self.url!r}")
        request = urllib.request.Request(target, method=method)  # noqa: S310 - the scheme was checked
        request.add_header("Accept", "application/json")
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                envelope: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ApiError(
                f"{self.url} can't be reached ({reason}). Is `tracer up` running? TRACER_URL names it."
            ) from None
        return envelope

    def _refused(self, error: urllib.error.HTTPError) -> ApiError:
        try:
            told = json.load(error)["error"]
            message, fields = str(told["message"]), told.get("fields")
        except (ValueError, KeyError, TypeError):
            message, fields = f"{self.url} answered {error.code}", None
        if error.code == 401 and not self._key:
            message += " Set TRACER_API_KEY to a key of this Tracer."
        return ApiError(message, fields=fields, status=error.code)

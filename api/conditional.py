"""What makes polling cheap: an ETag on every read (304 when nothing changed), and gzip over 1 kB."""

from __future__ import annotations

import gzip
import hashlib

from flask import Flask, Response, request

GZIP_FROM_BYTES = 1024
_GZIP_LEVEL = 5
_COMPRESSIBLE = ("application/json", "text/")


def install(app: Flask) -> None:
    @app.after_request
    def shrink(response: Response) -> Response:
        if response.is_streamed or response.direct_passthrough:
            return response
        _tag(response)
        _compress(response)
        return response


def _tag(response: Response) -> None:
    """A weak tag, because the same answer travels plain and gzipped."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        return
    if "no-store" in response.headers.get("Cache-Control", ""):
        return
    if "ETag" not in response.headers:
        response.set_etag(hashlib.blake2b(response.get_data(), digest_size=12).hexdigest(), weak=True)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.make_conditional(request)


def _compress(response: Response) -> None:
    if not (response.mimetype or "").startswith(_COMPRESSIBLE) or response.status_code == 304:
        return
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) < GZIP_FROM_BYTES or not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
        return
    response.set_data(gzip.compress(body, _GZIP_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"

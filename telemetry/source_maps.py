"""Source maps: where a frame of what a browser ran stands in the sources. What is in one comes from strangers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from symbolic.exceptions import SymbolicError
from symbolic.sourcemap import SourceMapView

from telemetry.frames import frame_of


class BadSourceMapError(ValueError):
    """It is none; the text is for whoever uploaded it."""


class _Head(msgspec.Struct):
    """What every source map says. One with `sections` is an index of others."""

    version: int
    mappings: str | None = None
    sections: list[msgspec.Raw] | None = None
    sources: list[str | None] = []


def parse(content: bytes) -> SourceMapView:
    """BadSourceMapError."""
    try:
        head = msgspec.json.decode(content, type=_Head)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise BadSourceMapError("This is not a source map: a JSON object with version, sources and mappings") from None
    if head.version != 3 or (head.mappings is None and head.sections is None):
        raise BadSourceMapError("This is not a source map of version 3 with mappings")
    try:
        return SourceMapView.from_json_bytes(content)
    except SymbolicError as error:
        raise BadSourceMapError(f"This is not a source map: {str(error)[:200]}") from None


def map_url(text: str) -> str:
    """What a source map is for: a path, which then is of any host, or a whole URL; without query. ValueError."""
    parts = urlsplit(text.strip())
    path = parts.path.removeprefix("~")
    if not path.strip("/") or ".." in path.split("/") or not path.isprintable() or len(text) > 2000:
        raise ValueError("must be the URL of the script, or its path such as /static/js/main.js")
    if parts.scheme:
        return f"{parts.scheme}://{parts.netloc}{path}"
    return path if path.startswith("/") else f"/{path}"


def names_of(filename: str) -> tuple[str, ...]:
    """What a source map may have been uploaded for, to be that of this file: its URL, and its path."""
    parts = urlsplit(filename)
    path = parts.path.removeprefix("~")
    path = path if path.startswith("/") else f"/{path}"
    return (f"{parts.scheme}://{parts.netloc}{path}", path) if parts.scheme else (path,)


def map_frames(
    frames: Sequence[dict[str, Any]], view_of: Callable[[str], SourceMapView | None]
) -> list[dict[str, Any]]:
    """The frames as they are in the sources, as far as `view_of` (a file's name) has a map; what was there before is
    `minified`."""
    return [_mapped(frame, view_of) for frame in frames]


def _mapped(sent: dict[str, Any], view_of: Callable[[str], SourceMapView | None]) -> dict[str, Any]:
    frame = frame_of(sent)
    if not frame.filename or not frame.lineno or not frame.colno:
        return sent
    view = view_of(frame.filename)
    found = None if view is None else view.lookup(frame.lineno - 1, frame.colno - 1)
    if found is None or found.src is None or found.dst_line != frame.lineno - 1:  # else of a line before it
        return sent
    library = "node_modules/" in found.src or found.src.startswith("webpack/")
    minified = {name: sent[name] for name in ("filename", "function", "lineno", "colno") if name in sent}
    return {
        **{name: value for name, value in sent.items() if name not in ("inApp", "in_app")},
        "filename": found.src,
        "function": found.function_name or found.name or frame.function,
        "lineno": found.src_line + 1,
        "colno": found.src_col + 1,
        "in_app": frame.in_app and not library,
        "minified": minified,
    }

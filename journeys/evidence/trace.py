"""The trace of a run: what Playwright recorded, rewritten without secrets, so that Playwright's own viewer opens it.

Lines of JSON and resources (bodies of answers, posted data) are masked one by one; a resource that is no text and
still holds a secret is left out. Posted bodies are named by a digest of what they held, so changed ones get new names.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import msgspec

from journeys.evidence.files import MAX_BYTES
from journeys.scrubbing import Secrets, is_secret_header
from model.secrets import MASK

CONTENT_TYPE = "application/zip"
_MAX_UNPACKED = 200 * 1024 * 1024
_LINES = (".trace", ".network")
_LEFT_OUT = (".stacks",)
"""Names of this program's own files."""
_RESOURCES = "resources/"
_STRUCTURE = frozenset(
    {
        "type", "callId", "parentId", "class", "method", "phase", "pageId", "frameId", "pageref", "version", "origin",
        "browserName", "playwrightVersion", "platform", "sdkLanguage", "beforeSnapshot", "inputSnapshot",
        "afterSnapshot", "messageType", "httpVersion", "startedDateTime", "time", "timestamp", "wallTime", "startTime",
        "endTime", "monotonicTime", "contextId", "_monotonicTime", "status",
    }
)  # fmt: skip
"""What Playwright itself writes there: words of its own and times, which the viewer needs as they are."""


class TraceTooLargeError(Exception):
    """The text is a sentence for people."""


def rewritten(raw: bytes, secrets: Secrets) -> tuple[bytes, bytes]:
    """(the trace without secrets, its network lines). Raises TraceTooLargeError, zipfile.BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(raw)) as recorded:
        if sum(member.file_size for member in recorded.infolist()) > _MAX_UNPACKED:
            raise TraceTooLargeError(f"the trace was larger than {_MAX_UNPACKED >> 20} MiB and was not kept")
        members = {name: recorded.read(name) for name in recorded.namelist() if not name.endswith(_LEFT_OUT)}
    renamed = _mask_resources(members, secrets)
    network = b""
    for name in [name for name in members if name.endswith(_LINES)]:
        lines = [_masked_line(line, secrets, renamed) for line in members[name].splitlines()]
        members[name] = b"".join(line + b"\n" for line in lines if line is not None)
        network += members[name] if name.endswith(".network") else b""
    return _packed(members), network


def _mask_resources(members: dict[str, bytes], secrets: Secrets) -> dict[str, str]:
    """Masks bodies in place; old name -> new one, of those that changed."""
    renamed: dict[str, str] = {}
    for name in [name for name in members if name.startswith(_RESOURCES)]:
        body = members[name]
        masked = _masked_body(body, secrets)
        if masked is body:
            continue
        del members[name]
        if masked is not None:
            digest = hashlib.sha1(masked, usedforsecurity=False).hexdigest()
            renamed[name] = f"{_RESOURCES}{digest}{name[name.rfind('.') :] if '.' in name else ''}"
            members[renamed[name]] = masked
    return renamed


def _masked_body(body: bytes, secrets: Secrets) -> bytes | None:
    """The body itself when it holds nothing; None when what it holds can't be taken out."""
    if not secrets.stands_in(body):
        return None if secrets.hides_in(body) else body
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None if secrets.hides_in(body) else body
    masked = secrets.text(text).encode()
    return None if secrets.hides_in(masked) else masked


def _masked_line(line: bytes, secrets: Secrets, renamed: dict[str, str]) -> bytes | None:
    """A line with every secret masked; None for one that can't be read."""
    network = line.startswith(b'{"type":"resource-snapshot"')
    if not network and not secrets.stands_in(line) and (not renamed or b'"resources/' not in line):
        return line
    try:
        record: Any = msgspec.json.decode(line)
        if network:
            _mask_headers(record.get("snapshot", {}))
        record = _renamed(secrets.tree(record, _STRUCTURE), renamed)
        return None if secrets.hides_in("\n".join(_texts(record)).encode()) else msgspec.json.encode(record)
    except (msgspec.DecodeError, RecursionError):
        return None


def _mask_headers(snapshot: dict[str, Any]) -> None:
    """Cookies and keys are the way into an account, whoever made them up."""
    for side in (snapshot.get("request", {}), snapshot.get("response", {})):
        for header in side.get("headers", ()):
            if is_secret_header(header.get("name", "")):
                header["value"] = MASK
        for cookie in side.get("cookies", ()):
            cookie["value"] = MASK


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _renamed(value: Any, renamed: dict[str, str]) -> Any:
    if not renamed:
        return value
    if isinstance(value, str):
        return renamed.get(value, value)
    if isinstance(value, dict):
        return {key: _renamed(item, renamed) for key, item in value.items()}
    return [_renamed(item, renamed) for item in value] if isinstance(value, list) else value


def _packed(members: dict[str, bytes]) -> bytes:
    """A zip of the members, without the largest resources where it would be more than a file may be."""
    sizes = sorted((name for name in members if name.startswith(_RESOURCES)), key=lambda name: -len(members[name]))
    while True:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as written:
            for name, body in members.items():
                written.writestr(name, body)
        if packed.tell() <= MAX_BYTES:
            return packed.getvalue()
        if not sizes:
            raise TraceTooLargeError(f"the trace was larger than {MAX_BYTES >> 20} MiB and was not kept")
        for name in sizes[: len(sizes) // 2 + 1]:
            del members[name]
        del sizes[: len(sizes) // 2 + 1]

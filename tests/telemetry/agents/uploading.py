"""Files that tests send as artifacts of runs."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from tests.api.client import Client

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 10


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def send(
    client: Client,
    content: bytes,
    content_type: str = "image/png",
    name: str = "shot",
    to: str = "trace_1",
    **more: Any,
) -> Any:
    """The answer to a form with this file."""
    form = {**more, "file": (io.BytesIO(content), name, content_type)}
    return client("POST", f"/api/traces/{to}/artifacts", data=form, content_type="multipart/form-data")


def kept(client: Client, content: bytes = PNG, content_type: str = "image/png", **more: Any) -> str:
    """The id of a file that was taken."""
    answer = send(client, content, content_type, **more)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return str(answer.get_json()["artifact_id"])


def register(client: Client, content: bytes = PNG, to: str = "trace_1", **fields: Any) -> Any:
    """The answer to the registration of a file that is to come."""
    about = {"content_type": "image/png", "size_bytes": len(content), "sha256": digest(content), **fields}
    return client("POST", f"/api/traces/{to}/artifacts", about)


def opened(client: Client, artifact_id: str) -> Any:
    """What whoever has this key, and then no key but the link, is shown."""
    led = client("GET", f"/artifacts/{artifact_id}")
    return client.client.get(led.headers["Location"]) if led.status_code == 302 else led

"""Which kind of picture some bytes are, by how they begin: only kinds that hold no script and name no other file."""

from __future__ import annotations

MAX_BYTES = 256 << 10
"""Of a logo."""
KINDS = "a PNG, JPEG, WebP or GIF"


class BadPictureError(ValueError):
    """With a sentence for who sent it."""


def picture_type(content: bytes) -> str:
    """`image/png` and the like. BadPictureError when it is none of them, or too large."""
    if len(content) > MAX_BYTES:
        raise BadPictureError(f"must not be larger than {MAX_BYTES >> 10} KiB")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    raise BadPictureError(f"must be {KINDS} picture")

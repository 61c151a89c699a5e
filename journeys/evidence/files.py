"""Files of a run, named by the sha256 of their bytes, in the folder the probe gave."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from model.evidence import ArtifactType, Evidence

MAX_BYTES = 50 * 1024 * 1024
"""What the API takes of one file."""


def keep(folder: Path, data: bytes, kind: ArtifactType, content_type: str, step: int | None = None) -> Evidence:
    """Writes the file whole or not at all. Raises OSError."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / sha256
    if not path.exists():
        handle, name = tempfile.mkstemp(prefix=".", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return Evidence(kind, sha256, content_type, len(data), step)

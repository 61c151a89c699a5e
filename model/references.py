"""References to the environment in files: `${NAME}` is its value, `$${NAME}` is the text `${NAME}` itself."""

from __future__ import annotations

import re
from typing import Any

REFERENCE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def literal(value: Any) -> Any:
    """JSON-like data as a file holds it: what looks like a reference in its texts, but is none, is marked as such."""
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literal(item) for item in value]
    return REFERENCE.sub(lambda found: f"${found[0]}", value) if isinstance(value, str) else value

"""What every answer says to browsers, whoever gives it: pages, REST, probes' work, refusals before anything is read.

An answer that may do more says so itself (api/pages/rendering.py, api/docs_page.py, api/artifact_serving.py).
"""

from __future__ import annotations

from collections.abc import Mapping

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""JSON and text are no documents: shown as one all the same, they load nothing, run nothing, and stand in no frame."""
ON_THE_WIRE = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())

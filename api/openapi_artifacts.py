"""What the OpenAPI says of files: how probes hand them in, how they are opened. Not JSON, so not of the routes."""

from __future__ import annotations

from typing import Any

from api.envelope import JSON
from api.routes import refusal

_BYTES = {"schema": {"type": "string", "format": "binary"}}


def paths() -> dict[str, Any]:
    """Path items by path."""
    return {"/v1/probe/artifacts/{sha256}": {"put": _UPLOAD}, "/artifacts/{link}": {"get": _OPEN}}


_UPLOAD = {
    "tags": ["Probe protocol"],
    "summary": "Hand in a file",
    "description": "Before the result that names it. At most 50 MiB, with a Content-Length; repeated, it does no harm.",
    "operationId": "probe_artifact",
    "security": [{"probe_key": []}],
    "parameters": [
        {
            "name": "sha256",
            "in": "path",
            "required": True,
            "description": "The SHA-256 of the file",
            "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        }
    ],
    "requestBody": {"required": True, "content": {"*/*": _BYTES}},
    "responses": {
        "200": {
            "description": "It is stored. Without the envelope",
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "properties": {"stored": {"const": True}},
                        "required": ["stored"],
                    },
                    "example": {"stored": True},
                }
            },
        },
        **{str(status): refusal(status) for status in (400, 401, 404, 409, 429, 503, 507)},
        "413": refusal(413, phrase="The file is larger than 50 MiB"),
    },
}
_OPEN = {
    "tags": ["Evidence"],
    "summary": "Open an artifact",
    "description": "By the link that the list of a run's artifacts gives, with no key, for 300 seconds; or by its id, "
    "which leads whoever may read it (by a key, a sign-in or a JSON Web Token) to such a link, which opens nothing "
    "once they may not. Of agents' runs too. A trace may be read by pages of other origins.",
    "operationId": "open_artifact",
    "security": [{}, {"key": []}],
    "parameters": [{"name": "link", "in": "path", "required": True, "schema": {"type": "string"}}],
    "responses": {
        "200": {"description": "The file", "content": {"*/*": _BYTES}},
        "206": {"description": "The part of it that Range asks for", "content": {"*/*": _BYTES}},
        "302": {"description": "Asked for by id: the link is in Location"},
        **{str(status): refusal(status) for status in (401, 403, 404, 429, 503)},
    },
}

"""The HTTP Archive (HAR 1.2) of a run, from the network part of its trace: one recording, told twice."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

_OURS = frozenset({"_file", "_sha1"})


def archive(network: bytes) -> bytes:
    """`network`: the lines of `trace.network`, scrubbed. Bodies stay in the trace."""
    entries = []
    for line in network.splitlines():
        record: Any = msgspec.json.decode(line)
        if record.get("type") == "resource-snapshot":
            entries.append(_entry(record["snapshot"]))
    creator = {"name": "Tracer", "version": version("tracer")}
    return msgspec.json.encode({"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}})


def _entry(snapshot: dict[str, Any]) -> dict[str, Any]:
    entry = {key: value for key, value in snapshot.items() if key != "pageref" and not key.startswith("_frame")}
    for holder, part in (("request", "postData"), ("response", "content")):
        side = entry.get(holder)
        if isinstance(side, dict) and isinstance(side.get(part), dict):
            bare = {key: value for key, value in side[part].items() if key not in _OURS}
            entry[holder] = {**side, part: bare}
    return entry

"""What a Tracer holds now, read over REST once for a whole plan or export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.as_code.sections import SECTIONS
from cli.client import ApiError, Client

_PER_PAGE = 100
_TRIES = 3

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """Every object by section, newest first, as REST shows it."""

    items: Mapping[str, Sequence[Item]]
    default_locations: Sequence[str]

    def named(self, section: str, name: str) -> list[Item]:
        """Those of this name: names are not unique."""
        return [item for item in self.items[section] if item["name"] == name]


def read_stored(client: Client) -> Stored:
    """Raises ApiError."""
    items = {key: _every(client, section.path) for key, section in SECTIONS.items()}
    return Stored(items, client.request("GET", "/v1/organization")["data"]["default_locations"])


def _every(client: Client, path: str) -> list[Item]:
    """All pages of a list. What is made or deleted meanwhile moves the others from page to page: the list counts when
    as many were seen as there are."""
    for _ in range(_TRIES):
        found: dict[str, Item] = {}
        page = 1
        while True:
            envelope = client.request("GET", path, page=page, per_page=_PER_PAGE)
            meta = envelope["meta"]
            if meta.get("total_is_minimum"):
                raise ApiError(f"{path} lists more than {meta['total']}, more than can be compared with a file")
            found |= {item["id"]: item for item in envelope["data"]}
            if page * _PER_PAGE >= meta["total"]:
                break
            page += 1
        if len(found) == meta["total"]:
            return list(found.values())
    raise ApiError(f"{path} changes faster than it can be read: try again")

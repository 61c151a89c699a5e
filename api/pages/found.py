"""What the one run of a draft found, for the editor: where the time went, what held, and what in the answer can be
asserted by a click."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from api.pages.waterfall import Bar, Hop, hops, waterfall
from api.trying import draft_shape
from model.errors import broke_off
from model.outcome import Metrics, RunStatus
from store.draft_tables import Draft

MOST_LEAVES = 200
_DEEPEST = 12
_LONGEST_SHOWN = 300
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class _Timed(Metrics, frozen=True, kw_only=True):
    duration_ms: float | None


@dataclass(frozen=True)
class Offer:
    """Something of the answer, and the assertion that it makes: `pressed` is what its button sends."""

    name: str
    value: str
    pressed: str


@dataclass(frozen=True)
class Found:
    """`css`, `word`: the verdict. `waits`: a probe is still at it. `offers`: of the answer's head; `leaves`: of its
    JSON; `more`: how many of these are not shown. `unjudged`: there was no answer to hold the assertions against."""

    draft_id: str
    location: str
    css: str
    word: str
    waits: bool
    error: str
    duration_ms: float | None
    bars: Sequence[Bar]
    hops: Sequence[Hop]
    assertions: Sequence[Mapping[str, Any]]
    offers: Sequence[Offer]
    headers: Sequence[Offer]
    leaves: Sequence[Offer]
    more: int
    body: str
    unjudged: bool


def found(draft: Draft, now_ms: int, *, secured: bool) -> Found:
    """Of a draft that was tried out; `secured`: the form wants TLS."""
    shape = draft_shape(draft, now_ms)
    status, response = RunStatus(shape["status"]), shape["response"] or {}
    leaves = list(_leaves(response.get("body")))
    code = (shape["error"] or {}).get("code")
    css, word = verdict_in_words(status, degraded=bool(shape["degraded"]))
    return Found(
        draft_id=draft.id,
        location=draft.location,
        css=css,
        word=word,
        waits=not status.terminal,
        error=(shape["error"] or {}).get("message", ""),
        duration_ms=shape["duration_ms"],
        bars=waterfall(
            _Timed(duration_ms=shape["duration_ms"], **shape["metrics"]), response, failed_by=code,
            secured=secured,
        ),
        hops=hops(response),
        assertions=shape["assertions"],
        offers=list(_offers(draft.type, shape, response)),
        headers=[
            _offer(name, str(value), "header", "equals", value, name=name)
            for name, value in (response.get("headers") or {}).items()
        ],
        leaves=leaves[:MOST_LEAVES],
        more=max(0, len(leaves) - MOST_LEAVES),
        body=str(response.get("body") or ""),
        unjudged=broke_off(code),
    )  # fmt: skip


def start_at(locations: str, online: Collection[str], defaults: Sequence[str] = ()) -> str:
    """Where a draft is tried out unless somebody chooses: the first that can of those that the form names."""
    chosen = request.form.get("from", "")
    wanted = [place.strip() for place in locations.split(",") if place.strip()]
    return next((place for place in (chosen, *wanted, *defaults, *sorted(online)) if place in online), chosen)


def verdict_in_words(status: RunStatus, *, degraded: bool) -> tuple[str, str]:
    """(CSS class, word) of how a draft ended, or has not."""
    if not status.terminal:
        return "unknown", "Under way"
    if status is RunStatus.SUCCESS:
        return ("degraded", "Passed, slow") if degraded else ("up", "Passed")
    return ("down", "Failed") if status is RunStatus.FAILED else ("unknown", "Not measured")


def _offers(kind: str, shape: Mapping[str, Any], response: Mapping[str, Any]) -> Iterator[Offer]:
    status, took = response.get("status_code"), shape["duration_ms"]
    if status is not None:
        yield _offer("Status", str(status), "status_code", "equals", status)
    if took is not None:
        limit = max(100, round(2 * took, -2))
        yield _offer("Time in all", f"less than {limit:g} ms", "response_time", "less_than", int(limit))
    certificate = response.get("certificate") or {}
    if certificate.get("days_left") is not None or certificate.get("not_after"):
        yield _offer("Certificate", "more than 14 days left", "certificate_expiry", "greater_than", 14)
    for record in (response.get("records") or ())[:MOST_LEAVES]:
        yield _offer("Record", str(record), "record", "contains", str(record))
    if kind == "tcp" and response.get("body"):
        said = str(response["body"]).strip().splitlines()[0][:_LONGEST_SHOWN]
        yield _offer("Answer", said, "response", "contains", said)


def _offer(named: str, shown: str, type_: str, operator: str, value: Any, **more: str) -> Offer:
    told = {"type": type_, "operator": operator, **more, "value": value}
    return Offer(named, shown[:_LONGEST_SHOWN], f"assert {json.dumps(told, ensure_ascii=False)}")


def _leaves(body: Any) -> Iterator[Offer]:
    """Each value of a JSON body with the path that leads to it; nothing of what is no JSON."""
    try:
        document = json.loads(body)
    except (TypeError, ValueError, RecursionError):
        return
    if not isinstance(document, (dict, list)):
        return
    waiting: list[tuple[str, Any, int]] = [("$", document, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, (dict, list)) and value and depth < _DEEPEST:
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += reversed([(path + _step(key), child, depth + 1) for key, child in inner])
        elif not isinstance(value, (dict, list)):
            yield _offer(path, json.dumps(value, ensure_ascii=False), "json_path", "equals", value, path=path)


def _step(key: str | int) -> str:
    """RFC 9535: a name as a shorthand where it may be one, else quoted."""
    if isinstance(key, int):
        return f"[{key}]"
    if _PLAIN.fullmatch(key):
        return f".{key}"
    return "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']"

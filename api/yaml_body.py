"""A request's body as JSON or as YAML. What YAML has beyond JSON (references, keys that are no text) is refused: then
the two mean the same, and no small body becomes a large one."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml
from flask import Request

from api.errors import Malformed, UnsupportedMedia
from api.json_body import MAX_DEPTH, decode, read_json

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
_TEXT = "tag:yaml.org,2002:str"


def read_document(request: Request) -> dict[str, Any]:
    """Malformed, UnsupportedMedia, Invalid."""
    if request.mimetype in YAML:
        sent = decode(_as_json(request.get_data(cache=False)))
    elif request.mimetype == "application/json" or not request.content_length:
        sent = read_json(request)
    else:
        raise UnsupportedMedia("Send JSON or YAML, with the header Content-Type: application/json or application/yaml")
    if not isinstance(sent, dict):
        raise Malformed("The body must be an object: the fields by their names")
    return sent


def _as_json(raw: bytes) -> bytes:
    try:
        text = raw.decode()
        _refuse_depth(text)
        loader = _SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise Malformed("This needs a YAML body")
        _refuse_keys(root)
        return msgspec.json.encode(loader.construct_document(root))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise Malformed(f"The body is not YAML{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:  # such as a character that no text has
        raise Malformed(f"The body is not YAML: {str(error).splitlines()[0][:200]}") from None


def _refuse_depth(text: str) -> None:
    """First, and without recursion: the loader's own would end the process."""
    level = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Malformed(f"The body refers to itself in line {_line(event)}: write what is meant")
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MAX_DEPTH:
            raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _refuse_keys(root: yaml.Node) -> None:
    """Of two values under one key YAML would take the last, without a word."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag != _TEXT:
                raise Malformed(f"A key in line {line} is no text")
            if key.value in seen:
                raise Malformed(f"The key {key.value[:60]!r} stands there twice, again in line {line}")
            seen.add(key.value)
            waiting.append(value)

"""The registry of check types, the folder of their files and what they say of themselves agree."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args

import pytest

import probes.checks
from model.assertions.registry import ASSERTION_TYPES
from probes.registry import CHECK_TYPES, MONITORS, UnknownTypeError, parse

SMALLEST = {
    "url": {"url": "https://example.com"},
    "api": {"url": "https://example.com"},
    "tcp": {"host": "example.com", "port": 80},
    "dns": {"host": "example.com"},
    "heartbeat": {},
    "journey": {"steps": [{"type": "goto", "url": "https://example.com"}]},
}


def test_every_file_of_the_folder_is_registered_and_runs() -> None:
    files = {path.stem for path in Path(probes.checks.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == {name for name, kind in CHECK_TYPES.items() if kind.run is not None}
    for name in files:
        kind = CHECK_TYPES[name]
        assert kind.definition.__module__ in (f"probes.checks.{name}", "journeys.definition")
        assert inspect.iscoroutinefunction(kind.run)


@pytest.mark.parametrize("name", CHECK_TYPES)
def test_a_type_is_registered_under_the_name_its_definition_bears(name: str) -> None:
    definition = CHECK_TYPES[name].definition
    assert get_args(definition.model_fields["type"].annotation) == (name,)
    assert MONITORS.get(name) is (None if name == "journey" else definition), "journeys have a resource of their own"
    parsed = parse({"type": name, "name": "n", **SMALLEST[name]})
    assert type(parsed) is definition
    assert parse(parsed.model_dump_json().encode()) == parsed


def test_every_assertion_belongs_to_some_check_and_every_check_names_real_ones() -> None:
    named = [kind.definition.assertion_types for kind in CHECK_TYPES.values()]
    assert frozenset().union(*named) == set(ASSERTION_TYPES)


def test_what_is_no_definition_is_refused_by_name() -> None:
    for unknown in ({"type": "nonsense"}, {"type": None}, {}):
        with pytest.raises(UnknownTypeError):
            parse(unknown)
    for broken in (b"{", b"[]", b"[" * 100_000, b'{"type": "url"}', b'{"a":' * 5_000):
        with pytest.raises(ValueError):  # noqa: PT011 - whichever of its kinds, the worker takes them all
            parse(broken)

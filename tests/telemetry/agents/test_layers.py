"""A payload as it is searched."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from telemetry.agents.facts import read_fact
from telemetry.agents.layers import Names, layers_of

OUTER_FIRST = Names("best", "next", "usage")
KEYS = st.sampled_from(["best", "next", "usage", "data", "response", "other"])
PAYLOADS = st.recursive(
    st.none() | st.integers(0, 9), lambda inner: st.dictionaries(KEYS, inner, max_size=6), max_leaves=12
).filter(lambda payload: isinstance(payload, dict))


@given(PAYLOADS)
def test_the_outermost_that_has_a_name_counts_and_of_its_names_the_first(payload: dict[str, Any]) -> None:
    layers = layers_of(payload)
    held = [layer[name] for layer in layers.each for name in OUTER_FIRST if layer.get(name) is not None]
    assert layers.first(OUTER_FIRST) == (held[0] if held else None)
    assert layers.lack(OUTER_FIRST) is not any(name in layer for layer in layers.each for name in OUTER_FIRST)


def test_parts_within_parts_are_read_as_deep_as_models_nest_them_and_no_deeper() -> None:
    said = read_fact(1, None, "llm_call", 0, {"output": [{"content": [{"type": "output_text", "text": "Well."}]}]}).said
    assert said == "Well."
    endless: Any = "deep down"
    for _ in range(2_000):
        endless = [{"content": endless}]
    assert read_fact(1, None, "message", 0, {"content": endless}).said == ""


def test_keys_that_are_made_up_each_time_are_searched_as_well_and_not_kept() -> None:
    from telemetry.agents import layers

    for number in range(3 * layers._MOST_SHAPES):
        assert layers_of({f"made_up_{number}": 1, "next": number}).first(OUTER_FIRST) == number
    long = {f"{number}{'x' * 1_000}": 1 for number in range(100)}
    assert layers_of({**long, "best": 2}).first(OUTER_FIRST) == 2
    assert len(layers._shapes) <= layers._MOST_SHAPES
    assert all(len(name) <= 100 for keys in layers._shapes for layer in keys for name in layer)

"""What is kept of a thing as it was sent."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.payloads import pack, size_of, unpack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=40,
)


@given(JSON)
def test_what_is_kept_is_read_again_with_its_size(item: Any) -> None:
    kept = pack(item)
    assert unpack(kept) == item
    assert size_of(kept) == len(msgspec.json.encode(item))


@pytest.mark.parametrize("item", [{"page": 1}, {"text": "x" * 2_000}])
def test_what_was_deflated_before_small_things_were_left_alone_is_read(item: dict[str, Any]) -> None:
    said = msgspec.json.encode(item)
    assert unpack(zlib.compress(said, 1)) == item
    assert size_of(zlib.compress(said, 1)) == len(said)


def test_what_would_not_get_smaller_stays_as_it_is() -> None:
    assert pack(b'{"page":1}') == b'{"page":1}'
    assert len(pack({"text": "over and over " * 100})) < 200

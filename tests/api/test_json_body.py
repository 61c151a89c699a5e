"""What is read as JSON, and what is refused with which words."""

from __future__ import annotations

import time

import pytest

from api.errors import Invalid, Malformed
from api.json_body import MAX_DEPTH, decode


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b'{"a": NaN}', "invalid character"),
        (b"[Infinity]", "invalid character"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "out of range"),
        (b'{"a": 1, "a": 2}', "stands there twice"),
        (b'{"x": {"a": 1, "b": 1, "a": 2}}', "stands there twice"),
        (b'"\\ud800 and more text"', "surrogate"),
        (b'"\\udc00 and more text"', "surrogate"),
        (b'"\xff"', "utf-8"),
        (b'"\xed\xa0\x80"', "utf-8"),
        (b"\xef\xbb\xbf{}", "invalid character"),
        (b'{"a": 1} trailing', "trailing"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "nested deeper"),
    ],
)
def test_what_is_not_json_or_is_ambiguous_is_malformed_and_says_why(raw: bytes, says: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode(raw)
    assert says in refused.value.message


def test_a_nul_character_is_named_by_the_field_it_stands_in() -> None:
    with pytest.raises(Invalid) as refused:
        decode(b'{"headers": {"X-A": "a\\u0000b"}, "tags": ["ok", "\\u0000"]}')
    assert set(refused.value.fields or {}) == {"headers.X-A", "tags.1"}


def test_a_nul_character_in_a_key_is_refused() -> None:
    with pytest.raises(Invalid):
        decode(b'{"json": {"a\\u0000": 1}}')


def test_an_integer_no_store_holds_exactly_is_refused_by_field() -> None:
    with pytest.raises(Invalid) as refused:
        decode(b'{"interval": 123456789012345678901234567890}')
    assert refused.value.fields == {"interval": ["is a number out of range"]}


def test_depth_up_to_the_limit_is_read() -> None:
    assert decode(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


@pytest.mark.parametrize(
    "raw",
    [
        b"{" + b",".join(b'"k%d":1' % number for number in range(60_000)) + b',"k59999":2}',
        b'{"' + b"x" * 500_000 + b'": {' + b",".join(b'"k%d":1' % number for number in range(40_000)) + b"}}",
        b'["' + b'","'.join([b"\\u0000"] * 80_000) + b'"]',
    ],
    ids=["many keys, the last twice", "a long key over many children", "everything wrong"],
)
def test_a_hostile_body_of_a_megabyte_is_judged_in_bounded_time(raw: bytes) -> None:
    assert len(raw) < 1 << 20
    began = time.process_time()
    try:
        decode(raw)
    except (Malformed, Invalid) as refused:
        assert len(refused.fields or {}) <= 50  # noqa: PT017
    assert time.process_time() - began < 5

"""Keys: a shape that scanners know, a checksum that catches a slip of the hand."""

from __future__ import annotations

import re
import zlib
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

from model.ids import CROCKFORD
from model.keys import API_KEY, PROBE_KEY, hint_of, mistyped, new_key, well_formed


def test_a_key_has_160_random_bits_and_a_checksum() -> None:
    keys = {new_key(API_KEY) for _ in range(1000)}
    assert len(keys) == 1000
    assert all(
        re.fullmatch(rf"trk_[{CROCKFORD}]{{32}}[0-9A-Za-z]{{6}}", key) and well_formed(key, API_KEY) for key in keys
    )
    for place in range(4, 36):  # every character of the random part varies
        assert len({key[place] for key in keys}) > 20


def test_any_one_character_typed_wrong_is_noticed() -> None:
    key = new_key(PROBE_KEY)
    for place in range(len(key)):
        for other in digits + ascii_letters:
            if other != key[place]:
                near = key[:place] + other + key[place + 1 :]
                assert not well_formed(near, PROBE_KEY)
                assert mistyped(near, PROBE_KEY) is near.startswith("tprb_")


def test_two_neighbours_that_changed_places_are_noticed() -> None:
    key = new_key(API_KEY)
    for place in range(4, len(key) - 1):
        near = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
        assert mistyped(near, API_KEY) is (near != key)


def test_the_checksum_is_crc_32_in_base_62() -> None:
    """By hand: zlib's CRC-32 of `trk_` and 32 zeros, as digits 0-9 A-Z a-z."""
    start = "trk_" + "0" * 32
    number, alphabet = zlib.crc32(start.encode()), digits + ascii_uppercase + ascii_lowercase
    checksum = "".join(alphabet[number // 62**power % 62] for power in range(5, -1, -1))
    assert well_formed(start + checksum, API_KEY)


def test_keys_of_other_shapes_are_not_mistyped_ones() -> None:
    """Those that people chose, and those of 39 characters that were made before."""
    for key in ("my-own-key-of-24-characters", "trk_my_own_key_of_my_own_choosing_0123456789", "trk_" + "0" * 39, ""):
        assert not mistyped(key, API_KEY)
        assert not well_formed(key, API_KEY)


def test_a_key_of_one_kind_is_none_of_the_other() -> None:
    assert not well_formed(new_key(PROBE_KEY), API_KEY)
    assert not well_formed(new_key(API_KEY).replace("trk", "tprb"), PROBE_KEY)


def test_lookalikes_have_no_shape() -> None:
    for text in (
        "",
        "trk_",
        "trk_" + "0" * 38,
        new_key(API_KEY)[:-1],
        new_key(API_KEY) + "0",
        new_key(API_KEY).upper(),
    ):
        assert not well_formed(text, API_KEY)


def test_a_hint_shows_the_end_of_a_key_and_no_more() -> None:
    key = new_key(API_KEY)
    assert hint_of(key) == f"trk…{key[-4:]}"
    assert hint_of("a-long-key-of-my-own-choosing_9876") == "…9876"

"""Keys: a shape that scanners know, a checksum that catches a slip of the hand."""

from __future__ import annotations

import re

from model.ids import CROCKFORD
from model.keys import API_KEY, PROBE_KEY, hint_of, new_key, well_formed


def test_a_key_has_160_random_bits_and_a_checksum() -> None:
    keys = {new_key(API_KEY) for _ in range(1000)}
    assert len(keys) == 1000
    assert all(re.fullmatch(rf"trk_[{CROCKFORD}]{{39}}", key) and well_formed(key, API_KEY) for key in keys)
    for place in range(4, 36):  # every character of the random part varies
        assert len({key[place] for key in keys}) > 20


def test_any_one_character_typed_wrong_is_noticed() -> None:
    key = new_key(PROBE_KEY)
    for place in range(len(key)):
        for other in CROCKFORD:
            if other != key[place]:
                assert not well_formed(key[:place] + other + key[place + 1 :], PROBE_KEY)


def test_a_key_of_one_kind_is_none_of_the_other() -> None:
    assert not well_formed(new_key(PROBE_KEY), API_KEY)
    assert not well_formed(new_key(API_KEY).replace("trk", "tprb"), PROBE_KEY)


def test_lookalikes_have_no_shape() -> None:
    for text in (
        "",
        "trk_",
        "trk_" + "0" * 39,
        new_key(API_KEY)[:-1],
        new_key(API_KEY) + "0",
        new_key(API_KEY).upper(),
    ):
        assert not well_formed(text, API_KEY)


def test_a_hint_shows_the_end_of_a_key_and_no_more() -> None:
    key = new_key(API_KEY)
    assert hint_of(key) == f"trk…{key[-4:]}"
    assert hint_of("a-long-key-of-my-own-choosing_9876") == "…9876"

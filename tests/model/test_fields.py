"""Names: what may stand in one, and that one which was accepted once is read for ever."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from model.fields import STORED, Name, Tag

NAME = TypeAdapter(Name)
LEGAL = ("Orders API", "חנות הספרים", "متجر الكتب", "本屋", "👩‍💻 deploys", "a\u200fb", "café ☕")
REFUSED = ("bill\u202egnp.exe", "\u2066a\u2069", "a\nb", "a\x7fb", "  ", "a\x00b")


@pytest.mark.parametrize("name", LEGAL)
def test_names_of_any_script_are_taken(name: str) -> None:
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_passes_for_another_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="must not"):
        NAME.validate_python(name)


def test_the_refusal_says_which_characters() -> None:
    with pytest.raises(ValidationError, match=r"turn the direction of text \(U\+202A to U\+202E"):
        TypeAdapter(Tag).validate_python("a\u202eb")


@pytest.mark.parametrize("name", REFUSED[:5])
def test_what_is_stored_is_not_judged_again(name: str) -> None:
    assert NAME.validate_python(name, context=STORED) == name

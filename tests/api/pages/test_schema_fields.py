"""Fields of forms: what a document holds goes into a form and comes out of it the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.schema_fields import Field

ESCAPED = Field("send", "escaped", required=False)


@given(st.text(min_size=1).filter(str.strip) | st.text(alphabet="\\\r\n\trnt ", min_size=1).filter(str.strip))
def test_what_is_sent_to_the_last_character_comes_through_one_line(sent: str) -> None:
    shown = ESCAPED.write(sent)
    assert not set("\r\n\t") & set(shown)
    assert ESCAPED.read(shown) == sent


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("EHLO probe\\r\\n", "EHLO probe\r\n"), ("C:\\\\temp", "C:\\temp"), ("\\d", "\\d"), ("PING", "PING"), (" ", None)],
)
def test_escapes_mean_what_they_say_and_all_else_stays(typed: str, meant: str | None) -> None:
    assert ESCAPED.read(typed) == meant

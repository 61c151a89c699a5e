"""Sentences on pages: what stands between backticks is code, and nothing in them is markup."""

from __future__ import annotations

import pytest

from api.pages.words import coded


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("step 2 click `#buy`: it is covered", "step 2 click <code>#buy</code>: it is covered"),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("an open ` is one", "an open ` is one"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("`a\u202eb`", "<code>a\ufffdb</code>"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_backticks_become_code(text: str, html: str) -> None:
    assert str(coded(text)) == html

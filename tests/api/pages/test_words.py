"""What pages say: sentences, where what stands between backticks is code; programs, enough to know a session by."""

from __future__ import annotations

import pytest

from api.pages.words import coded, program


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


_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (f"{_WINDOWS} Gecko/20100101 Firefox/127.0", "Firefox on Windows"),
        (f"{_MAC} {_CHROME} Safari/537.36", "Chrome on macOS"),
        (f"{_WINDOWS} {_CHROME} Safari/537.36 Edg/126.0.0.0", "Edge on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
            "Safari on iPhone",
        ),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_CHROME} Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 300, "x" * 60),
        ("", "Something that did not say what it is"),
    ],
)
def test_a_program_is_named_as_people_know_it(user_agent: str, said: str) -> None:
    assert program(user_agent) == said

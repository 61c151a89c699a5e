"""What a query means: the language, and what each term finds, alike on both stores."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.queries import BadQueryError, Field, Level, Within, Words, parse
from telemetry.words import searchable, term, words_of
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, message


def test_a_query_is_terms_that_are_anded() -> None:
    assert parse('level:error -release:web@2* tag.x:"a b" "exact  Words" time* in:5m') == (
        Level("error"), Field("release", "web@2", begins=True, negated=True), Field("tag.x", "a b"),
        Words(("exact", "words")), Words(("time",), begins=True), Within(300_000),
    )  # fmt: skip
    assert parse("") == parse("  ") == ()


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("level:shout", 0), ("ok in:5x", 3), ("in:", 0), ("-in:5m", 0), ("after:noon", 0), ("a before:2024-13-01", 2),
        ('ok "open', 3), (":x", 0), ("release:", 0), ("a - b", 2), ("!!!", 0), ("x" * 1001, 1000),
        (" ".join(["a"] * 31), 60), ("release:*", None),
    ],
)  # fmt: skip
def test_a_bad_term_is_told_with_its_position(query: str, position: int | None) -> None:
    if position is None:
        assert parse(query) == (Field("release", "", begins=True),)
        return
    with pytest.raises(BadQueryError, match=f"at position {position}") as found:
        parse(query)
    assert found.value.position == position


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_position_in_it(text: str) -> None:
    position = 0
    try:
        parse(text)
    except BadQueryError as error:
        position = error.position
    assert 0 <= position <= len(text)


@given(st.text(max_size=60))
def test_words_are_what_a_store_can_keep_apart_by_spaces(text: str) -> None:
    words = words_of(text)
    assert all(word and word == word.strip() and " " not in word and "\ue000" not in word for word in words)
    assert searchable([term("a", text)], text).split() == [term("a", text), *words]


@pytest.fixture
def told(reports: Reports, clock: Clock) -> Reports:
    """Six events, ten minutes apart."""
    for sent in (
        event("a", release="web@2.4.1", environment="production", user={"id": "u1"}, trace_id="t-1",
              tags={"region": "us-east", "odd key": "x y"}),
        event("b", release="web@2.5.0", environment="staging", user={"email": "ada@example.com"},
              tags={"region": "us-west"}, exception={"type": "ValueError", "value": "can't read user_id 東京 größe"}),
        message("c", "Payment declined by the bank", level="warning"),
        message("d", "declined Payment", level="debug", tags={"region": "eu"}),
        event("e", exception={"type": "TimeoutError", "value": "timed out after 30s: payments.example/v1"}),
        message("f", "100% of it_is 'quoted' \\ and % done", level="fatal"),
    ):  # fmt: skip
        reports.events(sent)
        clock.advance(600_000)
    return reports


FOUND = {
    "": "fedcba",
    "level:error": "eba",
    "-level:error": "fdc",
    "release:web@2.4.1": "a",
    "release:web@2*": "ba",
    "-release:web@2.4.1": "fedcb",
    "-release:web@2*": "fedc",
    "environment:production level:error": "a",
    "environment:prod*": "a",
    "user.id:u1": "a",
    "user.id:ada@example.com": "b",
    "trace_id:t-1": "a",
    "region:us-east": "a",
    "region:us*": "ba",
    "-region:us*": "fedc",
    "-region:us-east": "fedcb",
    "region:US-EAST": "",
    "payment": "dc",
    "PAYMENT": "dc",
    "payment*": "edc",
    "paymen": "",
    "-payment": "feba",
    "-payment*": "fba",
    '"payment declined"': "c",
    '"declined payment"': "d",
    '-"payment declined"': "fedba",
    "user_id": "b",
    "can't": "b",
    "größe": "b",
    "GRÖSSE": "b",
    "東京": "b",
    "東*": "b",
    "TypeError": "a",
    "ValueError level:error region:us-west": "b",
    "100%": "f",
    "it_is": "f",
    "in:25m": "fe",
    "in:1h": "fedcba",
    "level:error in:45m": "e",
    "after:2024-01-15T10:50:00Z": "fedc",
    "before:2024-01-15T10:50:00Z": "ba",
    "after:2024-01-15T10:50:00Z before:2024-01-15T11:10:00Z": "dc",
    "payment in:35m": "d",
    "declined in:39m": "d",
    "nothing:here": "",
}
"""What each query finds, the newest first."""


def test_each_term_finds_what_it_says(told: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.project_access.count_query", lambda _token: None)
    assert {query: "".join(told.found(query)) for query in FOUND} == FOUND


def test_pages_show_each_event_once_while_more_come_in(reports: Reports) -> None:
    reports.events(*(event(f"e{number}", tags={"n": str(number)}) for number in range(25)))
    for query in ("", "level:error", "TypeError"):
        shown: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = reports.get("/v1/query", q=query, limit=10, **cursor)
            shown += [found["event_id"] for found in page["events"]]
            reports.events(event(f"late-{query}-{len(shown)}"))
            if page["cursor"] is None:
                break
            cursor = {"cursor": page["cursor"]}
        assert [one for one in shown if not one.startswith("late")] == [f"e{number}" for number in range(24, -1, -1)]
        assert len(shown) == len(set(shown))


def test_what_is_asked_wrongly_is_400_and_what_is_not_ones_own_403(reports: Reports) -> None:
    error = reports.get("/v1/query", q="ok in:5x", answers=400)["error"]
    assert (error["code"], error["position"]) == ("malformed", 3)
    for query in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"colour": "red"}, {"q": "a\x00"}):
        reports.get("/v1/query", answers=400, **query)
    for name in ("no-such", "999", "proj_0123456789"):
        assert reports.owner("GET", "/v1/query", query_string={"project": name}).status_code == 403

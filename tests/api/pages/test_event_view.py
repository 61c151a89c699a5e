"""Whatever somebody sends as an event or as spans makes a page: of known size, each span once, within its chart."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.pages.event_view import event_view, title_of
from api.pages.trace_bars import MOST_DEPTH, WIDTH, span_tree
from telemetry.stored.reading import StoredSpan

_LEAVES = (
    st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | st.floats(allow_nan=False) | st.text(max_size=40)
)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
_FIELDS = (
    "exception", "breadcrumbs", "tags", "user", "message", "transaction", "values", "stacktrace", "frames", "minified",
    "type", "value", "context_line", "filename",
)  # fmt: skip
_EVENTS = st.recursive(
    _JSON,
    lambda inner: st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=12), _EVENTS, max_size=8))
def test_any_event_makes_a_page(sent: dict[str, Any]) -> None:
    view = event_view(sent)
    assert title_of(sent)
    texts = [view.kind, view.value, view.message, view.transaction, *view.chain]
    texts += [text for call in (*view.own, *view.others) for text in (call.function, call.place, call.line)]
    assert all(isinstance(text, str) and len(text) <= 2_100 for text in texts)
    assert len(view.crumbs) <= 50
    assert len(view.tags) <= 60


def stored(number: int, parent: str | None, start_ms: float, took_ms: float, **more: Any) -> StoredSpan:
    facts: dict[str, Any] = {"project": 1, "trace_id": "t", "span_id": f"s{number}", "payload": {}, **more}
    return StoredSpan(
        seq=number, parent_span_id=parent, name="n", op="o", status="ok", start_ms=start_ms, end_ms=start_ms + took_ms,
        received_ms=0, environment=None, release=None, **facts,
    )  # fmt: skip


@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 12), st.floats(0, 1e13), st.floats(0, 1e9), st.integers(1, 2)), max_size=12
    ),
    st.integers(1, 20),
)
def test_each_span_stands_once_whatever_they_say_of_one_another(
    given_spans: list[tuple[int | None, float, float, int]], most: int
) -> None:
    spans = [
        stored(number, None if parent is None else f"s{parent}", start_ms, took_ms, project=project)
        for number, (parent, start_ms, took_ms, project) in enumerate(given_spans)
    ]
    tree = span_tree(spans, {1: "one", 2: "two"}, most)
    assert len(tree.bars) + tree.left_out == len(spans)
    assert len(tree.bars) <= most
    for bar in tree.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.depth <= MOST_DEPTH
        assert bar.width > 0


def test_spans_stand_under_the_one_that_called_them() -> None:
    spans = [stored(3, "s1", 20, 5), stored(1, "of-the-probe", 10, 90), stored(2, "s1", 15, 2), stored(4, "s2", 16, 1)]
    bars = span_tree(spans, {}).bars
    assert [(bar.begins_ms, bar.depth) for bar in bars] == [(0, 0), (5, 1), (6, 2), (10, 1)]
    circle = span_tree([stored(1, "s2", 0, 1), stored(2, "s1", 1, 1)], {}).bars
    assert [bar.begins_ms for bar in circle] == [0, 1]

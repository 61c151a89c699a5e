"""/docs: the reference to read, drawn on the server."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


class Page(HTMLParser):
    """What a browser would load, run or jump to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def answer(app: Flask) -> Any:
    return app.test_client().get("/docs")


def test_the_page_needs_no_key_no_script_and_nothing_from_elsewhere(app: Flask, answer: Any) -> None:
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page = Page(answer.get_data(as_text=True))
    assert page.all("script") == []
    assert page.all("style") == []
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name == "style"}, (tag, attributes)
    loaded = [attributes["href"] for attributes in page.all("link")]
    assert loaded
    for address in loaded:
        assert (address or "").startswith("/")
        with app.test_client().get(address or "") as loaded_file:
            assert loaded_file.status_code == 200


def test_the_page_has_a_title_one_heading_and_every_operation(app: Flask, answer: Any) -> None:
    text = answer.get_data(as_text=True)
    page = Page(text)
    assert len(page.all("h1")) == 1
    assert "<title>API reference · Tracer</title>" in text
    anchors = {attributes.get("id") for _, attributes in page.tags if attributes.get("id")}
    document = app.test_client().get("/openapi.json").get_json()
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["operationId"] in anchors
    links = [attributes["href"] or "" for attributes in page.all("a")]
    targets = {link[1:] for link in links if link.startswith("#")}
    assert targets <= anchors


def test_the_page_shows_each_types_own_fields_and_an_example(answer: Any) -> None:
    text = re.sub(r"\s+", " ", answer.get_data(as_text=True))
    for word in (
        "https://api.example.com/health", "record_type", "follow_redirects", "grace", "needs write",
        "certificate_expiry", "client_certificate", "coverage_90d",
    ):  # fmt: skip
        assert word in text, word


def test_names_and_values_in_texts_are_set_as_code(answer: Any) -> None:
    text = answer.get_data(as_text=True)
    assert "<code>Authorization: Bearer &lt;key&gt;</code>" in text
    assert "`" not in text

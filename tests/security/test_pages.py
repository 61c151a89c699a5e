"""Markup and template expressions in every text that a page shows: they stay text. Judged by what the page is made of,
and in Chromium by what runs, with the content security policy taken away: escaping alone has to hold."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask, render_template, render_template_string
from playwright.sync_api import Browser, BrowserContext, Dialog, Route, sync_playwright

from api.pages import rendering
from api.pages.words import inert
from journeys import chromium
from store.keyring import Keyring
from store.sessions import Database
from tests.api.client import Client
from tests.api.conftest import PUBLIC_URL
from tests.api.people import Crowd
from tests.conftest import Clock
from tests.security.injections import CANARY_HOST, PRODUCT, SCRIPTS, TEMPLATES
from tests.security.stage import MARK, Stage
from tests.security.tally import Tally, corpus

MARKUP, EXPRESSIONS = "markup in what pages show", "template expressions in what pages show"
ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
AT_ONCE = 80
"""Payloads in every field of a page that Chromium loads."""


@pytest.fixture
def stage(
    app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, crowd: Crowd, clock: Clock
) -> Iterator[Stage]:
    yield Stage(app, owner, database, keyring, organization, crowd, clock.now_ms).set()
    cache = app.jinja_env.cache
    if cache is not None:
        cache.clear()  # templates that a broken build has compiled


class Made(HTMLParser):
    """What a page is made of: its tags with the names of their attributes, where its links lead, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.text = ""
        self.ways: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.ways += [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")]
        self.text += " ".join(value or "" for _, value in attrs) + " "

    def handle_data(self, data: str) -> None:
        self.text += data


def leads_astray(way: str) -> bool:
    """Ours, or one of those that a check's owner gave as a link."""
    return not way.startswith(("/", "#", "https://wiki.example/")) or way.startswith("//")


class Judge:
    """Knows what each page is made of when it says nothing special."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.client = stage.visit()
        stage.dress(MARK)
        self.plain = [Made(stage.page(self.client, path)) for path in stage.pages(MARK)]
        self.shown = [MARK in page.text for page in self.plain]

    def tampered(self, text: str) -> list[str]:
        """The pages that are made otherwise once every field says `text`, lead elsewhere, or have computed."""
        self.stage.dress(text)
        found = []
        for path, plain, shown in zip(self.stage.pages(text), self.plain, self.shown, strict=True):
            page = Made(self.stage.page(self.client, path))
            whole = " ".join(html.unescape(page.text).split())
            wanted = " ".join(html.unescape(str(inert(text))).split())
            kept = not shown or wanted in whole
            if page.tags != plain.tags or any(map(leads_astray, page.ways)) or PRODUCT in whole or not kept:
                found.append(path)
        return found


def tampered(stage: Stage, texts: list[str]) -> list[tuple[str, str]]:
    judge = Judge(stage)
    return [(text, path) for text in texts for path in judge.tampered(text)]


@pytest.mark.parametrize(
    ("attack", "texts"), [(MARKUP, SCRIPTS), (EXPRESSIONS, TEMPLATES)], ids=["markup", "templates"]
)
def test_what_is_written_into_fields_stays_text(stage: Stage, attack: str, texts: list[str], tally: Tally) -> None:
    assert len(set(texts)) >= 300
    tried = corpus(texts, short=3)
    found = tampered(stage, tried)
    pages = len(stage.pages(""))
    tally.add(attack, "pages, as they are made", tried=len(tried) * pages, effective=len(found))
    assert found == []


def test_every_page_shows_what_is_written(stage: Stage) -> None:
    """Else the above would say nothing."""
    assert all(Judge(stage).shown)
    assert len(stage.spots) >= 50


@ONE_STORE
def test_a_build_without_autoescape_is_caught(stage: Stage, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    break_escaping(stage.app, monkeypatch)
    assert tampered(stage, ["<script>canary()</script>", '" onmouseover=canary() x="'])
    tally.caught(MARKUP, "templates without autoescape")


@ONE_STORE
def test_a_build_that_renders_twice_is_caught(stage: Stage, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(name: str, **shown: Any) -> str:
        return render_template_string(render_template(name, **shown), **shown)

    monkeypatch.setattr(rendering, "render_template", twice)
    assert tampered(stage, ["{{1337*7331}}"])
    tally.caught(EXPRESSIONS, "pages rendered twice")


def break_escaping(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.jinja_env, "autoescape", False)
    assert app.jinja_env.cache is not None
    app.jinja_env.cache.clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandbox = os.geteuid() != 0
        browser = playwright.chromium.launch(executable_path=chromium.find(), chromium_sandbox=sandbox)
        yield browser
        browser.close()


def context_of(browser: Browser, *, bypass_csp: bool) -> BrowserContext:
    """A browser that gets everything from whoever routes it, with `canary()` for scripts to call."""
    context = browser.new_context(bypass_csp=bypass_csp)
    context.add_init_script(f"window.canary = () => fetch('https://{CANARY_HOST}/js', {{mode: 'no-cors'}})")
    return context


@pytest.fixture(scope="module")
def chrome(browser: Browser) -> BrowserContext:
    """One that does not know of content security policies: escaping alone has to hold."""
    return context_of(browser, bypass_csp=True)


@pytest.fixture(scope="module")
def strict_chrome(browser: Browser) -> BrowserContext:
    """One as everybody has it."""
    return context_of(browser, bypass_csp=False)


ALIEN = """() => {
  const tags = ['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'MARQUEE', 'STYLE', 'VIDEO', 'AUDIO'];
  const acts = a => a.name.startsWith('on')
    || ['href', 'src', 'action', 'formaction', 'xlink:href'].includes(a.name)
    && /^\\s*(javascript|data):/i.test(a.value);
  return [...document.querySelectorAll('*')].filter(e => tags.includes(e.tagName) || [...e.attributes].some(acts))
    .map(e => e.outerHTML);
}"""
"""What our pages never have."""


def run_in_chromium(chrome: BrowserContext, stage: Stage, texts: list[str]) -> list[str]:
    """What these payloads, all at once in every field, made happen on any page."""
    heard: list[str] = []
    client = stage.visit()

    def serve(route: Route) -> None:
        url = route.request.url
        if not url.startswith(f"{PUBLIC_URL}/"):
            heard.append(f"asked for {url}")
            route.abort()
            return
        with client.get(url.removeprefix(PUBLIC_URL), base_url=PUBLIC_URL) as answer:
            route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.get_data())

    def dismiss(dialog: Dialog) -> None:
        heard.append(f"dialog {dialog.message}")
        dialog.dismiss()

    stage.dress(" ".join(texts))
    chrome.unroute_all()
    chrome.route("**/*", serve)
    page = chrome.new_page()
    page.on("dialog", dismiss)
    for path in stage.pages(texts[0]):
        page.goto(f"{PUBLIC_URL}{path}")
        page.mouse.move(200, 300)
        page.keyboard.press("Tab")
        heard += page.evaluate(ALIEN)
    page.close()
    return heard


@ONE_STORE
def test_nothing_that_is_written_into_fields_runs_in_chromium(
    chrome: BrowserContext, stage: Stage, tally: Tally
) -> None:
    tried = corpus(SCRIPTS, short=AT_ONCE // 2)
    heard: list[str] = []
    for at in range(0, len(tried), AT_ONCE):
        heard += run_in_chromium(chrome, stage, tried[at : at + AT_ONCE])
    pages = len(stage.pages(""))
    tally.add(MARKUP, "pages, in Chromium", tried=len(tried) * pages, effective=len(heard))
    assert heard == []


@ONE_STORE
def test_chromium_catches_a_build_without_autoescape(
    chrome: BrowserContext, stage: Stage, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_escaping(stage.app, monkeypatch)
    stage.addresses = stage.addresses[:1]
    assert f"asked for https://{CANARY_HOST}/js" in run_in_chromium(chrome, stage, ["<img src=x onerror=canary()>"])
    tally.caught(MARKUP, "Chromium told of it too")


@ONE_STORE
def test_the_policy_holds_where_escaping_fails_and_a_build_without_one_is_caught(
    strict_chrome: BrowserContext, stage: Stage, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = f"asked for https://{CANARY_HOST}/js"
    texts = ["<script>canary()</script>", "<img src=x onerror=canary()>"]
    break_escaping(stage.app, monkeypatch)
    stage.addresses = stage.addresses[:1]
    assert ran not in run_in_chromium(strict_chrome, stage, texts)
    monkeypatch.setattr(rendering, "CONTENT_SECURITY_POLICY", "")
    assert ran in run_in_chromium(strict_chrome, stage, texts)
    tally.caught(MARKUP, "pages without a policy, in Chromium")

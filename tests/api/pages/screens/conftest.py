"""Pages as people meet them: the app behind its own server, and Chromium, on SQLite (pages' queries are tested on both
stores elsewhere). A page that logs an error, breaks the content security policy or asks another host fails its test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from api.server import Server
from journeys import chromium
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.conftest import MakeKey
from tests.system.processes import free_port

Visit = Callable[..., Page]


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> str:
    """The kind of store these pages stand on."""
    return str(request.param)


@pytest.fixture
def settings() -> Settings:
    """Of a server on a port that was free just now: forms hold a browser to its public address."""
    return Settings(port=free_port(), metrics_token="a-token-for-prometheus")


@pytest.fixture
def site(app: Flask, database: Database, keyring: Keyring, settings: Settings) -> Iterator[str]:
    """The address of the running product."""
    with Server(app, database, keyring, settings) as server:
        yield server.url


@pytest.fixture(scope="module")
def _playwright() -> Iterator[Playwright]:
    """No longer than a module: while it lives no other test of this thread could run a loop of its own."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def _chromium(_playwright: Playwright) -> Iterator[Browser]:
    browser = _playwright.chromium.launch(executable_path=chromium.find(), chromium_sandbox=os.geteuid() != 0)
    yield browser
    browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What pages complained of. A test that provokes one takes it out."""
    return []


@pytest.fixture
def visit(site: str, _chromium: Browser, complaints: list[str], make_key: MakeKey) -> Iterator[Visit]:
    """A function that opens a page: signed in with a key of these scopes, or as nobody (`scopes=None`)."""
    contexts: list[BrowserContext] = []

    def opened(path: str = "/", scopes: tuple[str, ...] | None = ("admin",), **options: object) -> Page:
        context = _chromium.new_context(**{"base_url": site, "reduced_motion": "reduce", **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        listen(page, site, complaints)
        if scopes is not None:
            page.goto("/login")
            page.get_by_label("API key").fill(make_key(scopes))
            page.get_by_role("button", name="Sign in").last.click()
            page.wait_for_url(lambda url: "/login" not in url)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def listen(page: Page, site: str, complaints: list[str]) -> None:
    """Errors on the console (broken policies are told there too), errors of scripts, requests to elsewhere."""

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(site) else None)

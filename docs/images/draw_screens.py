"""Draws the pictures of the pages: `.venv/bin/python docs/images/draw_screens.py [folder]`, half a minute.

A server in a temporary directory with the organization of shop.py, and Chromium in front of it: every page of PAGES in
light, some in dark and as a phone shows them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import structlog
from playwright.sync_api import Browser, sync_playwright
from shop import Api, Shop, open_shop
from shop_agents import RUN, act
from shop_reports import report

from api.app import create_app
from api.server import Server
from journeys import chromium
from migrations.upgrade import upgrade
from model.settings import Settings
from model.traceparent import trace_id_of
from store.bootstrap import bootstrap
from store.keyring import Keyring
from store.sessions import Database

KEY = "the-owner-of-the-bookshop-on-pictures"
PAGES = {
    "overview": "/",
    "monitor": "/monitors/{checkout}?span=24h",
    "editor": "/monitors/{checkout}/edit",
    "run": "/runs/{failed}",
    "journey": "/journeys/{journey}?span=24h",
    "journey-run": "/runs/{walked}",
    "alerts": "/alerts",
    "alert": "/alerts/{alert}",
    "rules": "/alerts/rules",
    "issues": "/issues",
    "issue": "/issues/{issue}",
    "trace": "/traces/{trace}",
    "release": "/releases/checkout?name=checkout@4.12.0",
    "generations": "/generations",
    "query": "/query?q=PoolTimeout",
    "project": "/projects/checkout",
    "agents": "/agents",
    "agent-run": f"/agents/{RUN}",
    "fleet": "/probes",
    "maintenance": "/settings/maintenance",
    "status": "/status/books",
}
DARK, PHONE_TOO = ("overview", "issue", "agent-run"), ("overview", "alert", "issue", "agent-run", "status")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("screens")
    folder.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(port=0, data_dir=Path(data), api_key=KEY, public_url="http://tracer.books.example")
        upgrade(settings.sqlalchemy_url)
        database = Database(settings.sqlalchemy_url)
        keyring = Keyring.load(settings, database)
        organization_id = bootstrap(database, keyring, settings).organization_id
        with Server(create_app(database, keyring, settings), database, keyring, settings) as server:
            host, _, port = server.url.removeprefix("http://").partition(":")
            api, now_ms = Api(host, int(port), KEY), time.time_ns() // 1_000_000
            shop = open_shop(api, database, keyring, organization_id, now_ms)
            issue = report(api, shop, now_ms)
            act(api, now_ms)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium.find(), chromium_sandbox=os.geteuid() != 0
                )
                _draw_all(browser, server.url, shop, issue, folder)
                browser.close()
        database.close()


def _draw_all(browser: Browser, site: str, shop: Shop, issue: str, folder: Path) -> None:
    ids = {"checkout": shop.checks["Checkout API"], "journey": shop.checks["A reader buys a book"],
           "failed": shop.failed_run, "walked": shop.journey_run, "alert": shop.alert, "issue": issue,
           "trace": trace_id_of(shop.failed_run)}  # fmt: skip
    for scheme, size, names in (("light", WIDE, tuple(PAGES)), ("dark", WIDE, DARK), ("phone", PHONE, PHONE_TOO)):
        context = browser.new_context(
            base_url=site, viewport=size, color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce", timezone_id="Europe/Berlin", locale="en-GB", device_scale_factor=1,
        )  # fmt: skip
        page = context.new_page()
        page.goto("/login")
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Sign in").last.click()
        page.wait_for_url(lambda url: "/login" not in url)
        for name in names:
            page.goto(PAGES[name].format(**ids), wait_until="load")
            page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=True, animations="disabled")
        context.close()


if __name__ == "__main__":
    main()

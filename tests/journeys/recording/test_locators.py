"""Each locator that a recording holds, and the selector it becomes, find the same elements in a real browser."""

from __future__ import annotations

import ast
import asyncio
import re
from typing import Any

import pytest

from journeys.recording.locators import Target, target_of
from journeys.recording.script import read_script
from tests.journeys.conftest import Walker

PAGE = """<!doctype html><title>x</title>
<h1 id=h1>Sign in</h1><h2 id=h2>Sign in now</h2><p id=p>sign IN</p><p id=p2>it's "quoted" \\ and a >> b</p>
<button id=b1>Sign in</button><button id=b2>SIGN IN please</button><button id=b3 disabled>Off</button>
<button id=b4 aria-pressed=true>Say "hi"</button><button id=b5 aria-expanded=false>More &gt;&gt; here</button>
<label for=i1>Email</label><input id=i1 placeholder="Your email">
<label>E-mail again <input id=i2 placeholder=Email></label>
<input id=i3 aria-label=email title="Your Email"><img id=img alt="The Logo" title=logo>
<input type=checkbox id=c1 checked aria-label=One><input type=checkbox id=c2 aria-label=Two>
<div role=checkbox aria-checked=true id=c3 aria-label=Three>x</div>
<ul id=ul><li id=l1>Product 1 <button id=l1b>Buy</button></li><li id=l2>Product 2 <button id=l2b>Buy</button></li>
<li id=l3 hidden>Product 3</li></ul><div id=d data-testid="row-1"><span id=s data-testid='a"b'>x</span></div>
<div id=t>Hello <b id=bold>world</b></div><input type=submit id=sub value="Send it">
<button id=b6>Put <i>it</i> in
 the basket</button><label for=i4>Your <b>mail</b></label><input id=i4 placeholder="Über"><p id=p3>Größe</p>"""
LOCATORS = [
    'get_by_role("button", name="Sign in")', 'get_by_role("button", name="Sign in", exact=True)',
    'get_by_role("button", name="sign in please")', 'get_by_role("button", name=re.compile("^sign", re.IGNORECASE))',
    'get_by_role("button", name=re.compile("^Sign"))', "get_by_role(\"button\", name='Say \"hi\"')",
    'get_by_role("button", name="More >> here")', 'get_by_role("button", name="More >> here", exact=True)',
    'get_by_role("heading", level=2)', 'get_by_role("button", disabled=True)', 'get_by_role("button", pressed=True)',
    'get_by_role("button", expanded=False)', 'get_by_role("checkbox", checked=True)', 'get_by_role("listitem")',
    'get_by_role("listitem", include_hidden=True)', 'get_by_role("button", name="nothing at all")',
    'get_by_text("Sign in")', 'get_by_text("Sign in", exact=True)', 'get_by_text("sign in", exact=True)',
    'get_by_text(re.compile("^Product", re.I))', 'get_by_text("it\'s \\"quoted\\"")', 'get_by_text("\\"quoted\\"")',
    'get_by_text("a >> b")', 'get_by_text("\\\\ and a >> b")', 'get_by_text("a/b")', 'get_by_text(" world ")',
    'get_by_text("Hello world")', 'get_by_text("Send it")',
    'get_by_text("it\'s \\"quoted\\" \\\\ and a >> b", exact=True)',
    'get_by_text("Hello world", exact=True)', 'get_by_text("world", exact=True)',
    'get_by_text("hello world", exact=True)',
    'get_by_text(re.compile("Hello world"))', 'get_by_role("button", name="Put it in the basket", exact=True)',
    'get_by_label("Your mail", exact=True)', 'get_by_placeholder("über")', 'get_by_placeholder("Über", exact=True)',
    'get_by_text("größe")', 'get_by_text("Größe", exact=True)', 'locator("p", has_text="größe")',
    'get_by_label("Email")', 'get_by_label("Email", exact=True)', 'get_by_label(re.compile("again"))',
    'get_by_label("E-mail again")', 'get_by_placeholder("email")', 'get_by_placeholder("Email", exact=True)',
    'get_by_placeholder(re.compile("^your", re.I))', 'get_by_alt_text("logo")', 'get_by_alt_text("logo", exact=True)',
    'get_by_title("email")', 'get_by_title("logo", exact=True)', 'get_by_test_id("row-1")', "get_by_test_id('a\"b')",
    'get_by_test_id(re.compile("^row"))', 'get_by_role("listitem").filter(has_text="Product 2")',
    'get_by_role("listitem").filter(has_text=re.compile(r"^Product 2 Buy$"))',
    'get_by_role("listitem").filter(has_not_text="product 2")', 'locator("li").filter(visible=True)',
    'get_by_role("listitem").filter(has=page.get_by_text("Product 2"))',
    'get_by_role("listitem").filter(has=page.locator("button >> text=Buy"))',
    'get_by_role("listitem").filter(has_not=page.get_by_role("button"))',
    'get_by_role("listitem").nth(1).get_by_role("button")', 'get_by_role("listitem").first',
    'get_by_role("button").last',
    'locator("#ul").get_by_text("Buy")', 'locator("ul").locator("li")', 'locator("li", has_text="Product 1")',
    'get_by_role("button").and_(page.get_by_text("Buy"))', 'locator("h1").or_(page.locator("h2"))',
    'locator("#ul >> li")', 'locator("xpath=//li")', 'locator("ul").locator(page.get_by_role("listitem"))',
]  # fmt: skip


def selector_of(code: str) -> str:
    node = ast.parse(f"page.{code}", mode="eval").body
    target = target_of(node, {"page": Target()})
    assert target.frame is None
    return target.selector


async def _found(walker: Walker, pairs: list[tuple[str, str]]) -> list[tuple[str, list[str], list[str]]]:
    browser = await walker.browser.ready()
    page = await browser.new_page()
    try:
        await page.set_content(PAGE)
        ids = "elements => elements.map(element => element.id)"
        compared = []
        for code, selector in pairs:
            locator: Any = eval(f"page.{code}", {"page": page, "re": re})  # noqa: S307 - the list above
            found = await locator.evaluate_all(ids)
            compared.append((code, found, await page.locator(selector).evaluate_all(ids)))
        return compared
    finally:
        await page.close()


def test_a_locator_and_its_selector_find_the_same_elements(walker: Walker) -> None:
    pairs = [(code, selector_of(code)) for code in LOCATORS]
    compared = asyncio.run_coroutine_threadsafe(_found(walker, pairs), walker.loop).result(60)
    assert [(code, selector_of(code), found, wanted) for code, wanted, found in compared if found != wanted] == []
    assert sum(bool(wanted) for _, wanted, _ in compared) > len(LOCATORS) - 10, "most of them find something"


@pytest.mark.parametrize("code", LOCATORS)
def test_each_selector_is_one_that_a_step_takes(code: str) -> None:
    recording = read_script(f"page.{code}.click()")
    assert (recording.left, len(recording.steps)) == ([], 1)


def test_checked_and_unchecked_are_told_apart(walker: Walker) -> None:
    """By a step that Tracer has: an element is seen that is what is meant and checked, or not."""
    cases = [(name, word) for name in ("c1", "c2", "c3") for word in ("to_be_checked", "not_to_be_checked")]
    steps = read_script("".join(f'expect(page.locator("#{name}")).{word}()\n' for name, word in cases)).steps
    pairs = [(f'locator("#{name}")', step["selector"]) for (name, _), step in zip(cases, steps, strict=True)]
    compared = asyncio.run_coroutine_threadsafe(_found(walker, pairs), walker.loop).result(60)
    assert [found for _, _, found in compared] == [["c1"], [], [], ["c2"], ["c3"], []]

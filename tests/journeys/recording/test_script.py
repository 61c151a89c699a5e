"""What Playwright's recorder writes in Python becomes steps; the rest is named with its line.

The three .txt files beside this one are recordings of one walk, as `playwright codegen` 1.65 wrote them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from journeys.definition import JourneyCheck
from journeys.recording.script import NoScriptError, Recording, read_script
from tests.journeys.conftest import Walker
from tests.journeys.site import Site

HERE = Path(__file__).parent
TARGETS = ("python", "python-async", "python-pytest")
CLOSINGS = {"python-pytest": '"Get it").click()'}
"""Its recorder writes no closings: there it is the first step that happens elsewhere."""
WALK = [
    {"type": "goto", "url": "https://shop.example/"},
    {"type": "fill", "name": "fill Email", "selector": 'role=textbox[name*="Email"i]', "value": "me@example.com"},
    {"type": "fill", "name": "fill Password", "selector": 'role=textbox[name*="Password"i]', "value": "{{PASSWORD}}"},
    {"type": "press", "name": "press Password", "selector": 'role=textbox[name*="Password"i]', "key": "Tab"},
    {"type": "click", "name": "click Search things", "selector": 'role=textbox[name*="Search things"i]'},
    {"type": "fill", "name": "fill Search things", "selector": 'role=textbox[name*="Search things"i]',
     "value": 'it\'s "x" \\ y'},
    {"type": "check", "name": "check Remember me", "selector": 'role=checkbox[name*="Remember me"i]'},
    {"type": "select", "name": "select Colour RedBlue", "selector": 'internal:label="Colour RedBlue"i', "value": "b"},
    {"type": "click", "name": "click Edit", "selector": '[data-testid="row-2"] >> role=button[name*="Edit"i]'},
    {"type": "click", "name": "click Sign in", "selector": 'role=button[name*="Sign in"i]'},
    {"type": "double_click", "name": "double click Welcome, me@example.com",
     "selector": "text=Welcome, me@example.com"},
    {"type": "click", "selector": 'role=listitem >> :scope:has-text("Product 2 Buy") >> button'},
    {"type": "click", "name": "click Alert", "selector": 'role=button[name*="Alert"i]'},
    {"type": "click", "name": "click Inner", "selector": 'role=button[name*="Inner"i]', "frame": 'iframe[title="ad"]'},
    {"type": "click", "name": "click Help", "selector": 'role=link[name*="Help"i]'},
    {"type": "click", "name": "click Shop", "selector": 'role=heading[name*="Shop"i]'},
    {"type": "click", "name": "click Get it", "selector": 'role=link[name*="Get it"i]'},
    {"type": "uncheck", "name": "uncheck Remember me", "selector": 'role=checkbox[name*="Remember me"i]'},
]  # fmt: skip


def line_with(text: str, part: str) -> int:
    [number] = [number for number, line in enumerate(text.splitlines(), 1) if part in line]
    return number


@pytest.mark.parametrize("target", TARGETS)
def test_a_recording_becomes_steps_whatever_its_target(target: str) -> None:
    text = (HERE / f"{target}.txt").read_text()
    recording = read_script(text)
    assert recording.steps == WALK
    assert recording.fields == {"viewport": {"width": 1000, "height": 700}}
    assert recording.variables == {"PASSWORD": "hunter2"}
    assert JourneyCheck.model_validate({"name": "x", "steps": recording.steps, **recording.fields}).steps


@pytest.mark.parametrize("target", TARGETS)
def test_each_line_that_could_not_be_taken_is_named_and_no_other(target: str) -> None:
    text = (HERE / f"{target}.txt").read_text()
    assert [(line.number, line.text.split(":")[0]) for line in read_script(text).left] == [
        (line_with(text, 'select_option(["a", "b"])'), "a step selects one option"),
        (line_with(text, "set_input_files"), "the file is not in the script"),
        (line_with(text, "page.frame_locator()"), "frame_locator() names nothing to look for"),
        *sorted(
            [
                (line_with(text, CLOSINGS.get(target, "page1.close()")), "that page1 closes"),
                (line_with(text, "expect_download"), "that a file is downloaded here is not looked at"),
            ]
        ),
    ]


def test_a_typed_password_is_a_note_with_its_line() -> None:
    text = (HERE / "python.txt").read_text()
    [note] = read_script(text).notes
    assert note == (
        line_with(text, "hunter2"),
        "what is typed here is kept as the variable PASSWORD, which is a secret",
    )


def steps_of(*lines: str) -> list[dict[str, Any]]:
    recording = read_script("\n".join(lines))
    assert recording.left == []
    return recording.steps


def left_of(*lines: str) -> str:
    recording = read_script("\n".join(lines))
    assert recording.steps == []
    [line] = recording.left
    assert line.number == len(lines)
    return line.text


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ('page.goto("/login", timeout=5000)', {"type": "goto", "url": "/login", "timeout": 5.0}),
        ('page.click("#buy")', {"type": "click", "selector": "#buy"}),
        ('page.fill("#email", "a@b.de")', {"type": "fill", "selector": "#email", "value": "a@b.de"}),
        ('page.locator("#buy").dblclick()', {"type": "double_click", "selector": "#buy"}),
        ('page.locator("#buy").hover()', {"type": "hover", "selector": "#buy"}),
        ('page.locator("#a").set_checked(True)', {"type": "check", "selector": "#a"}),
        ('page.locator("#a").set_checked(False)', {"type": "uncheck", "selector": "#a"}),
        ('page.locator("#a").clear()', {"type": "fill", "selector": "#a", "value": ""}),
        ('page.locator("#a").press("Control+A")', {"type": "press", "selector": "#a", "key": "Control+A"}),
        ('page.keyboard.press("Enter")', {"type": "press", "key": "Enter"}),
        ('page.locator("#a").select_option(["b"])', {"type": "select", "selector": "#a", "value": "b"}),
        ('page.locator("#a").select_option(label="B")', {"type": "select", "selector": "#a", "label": "B"}),
        ('page.locator("#a").select_option(index=2)', {"type": "select", "selector": "#a", "index": 2}),
        ('page.locator("#a").wait_for()', {"type": "wait_for", "selector": "#a"}),
        ('page.wait_for_selector("#a", state="hidden")', {"type": "expect_hidden", "selector": "#a"}),
        ("page.wait_for_timeout(1500)", {"type": "wait_for", "ms": 1500}),
        ('page.wait_for_url("**/done")', {"type": "wait_for_url", "url": "**/done"}),
        ('page.wait_for_url(re.compile("/done$"))', {"type": "expect_url", "value": "/done$", "operator": "matches"}),
        ('page.screenshot(path="a.png")', {"type": "screenshot"}),
        ('expect(page.locator("#a")).to_be_visible()', {"type": "expect_visible", "selector": "#a"}),
        ('expect(page.locator("#a")).to_be_hidden()', {"type": "expect_hidden", "selector": "#a"}),
        ('expect(page.locator("#a")).not_to_be_visible()', {"type": "expect_hidden", "selector": "#a"}),
        ('expect(page.locator("#a"), "the list").to_have_count(3)',
         {"type": "expect_count", "selector": "#a", "value": 3}),
        ('expect(page.locator("h1")).to_have_text("Hi")',
         {"type": "expect_text", "selector": "h1", "value": "Hi", "operator": "equals"}),
        ('expect(page.locator("h1")).to_contain_text("Hi", timeout=100)',
         {"type": "expect_text", "selector": "h1", "value": "Hi", "operator": "contains", "timeout": 0.1}),
        ('expect(page.locator("h1")).not_to_have_text("Hi")',
         {"type": "expect_text", "selector": "h1", "value": "Hi", "operator": "not_equals"}),
        ('expect(page.locator("h1")).to_have_text(re.compile("^h", re.I | re.M))',
         {"type": "expect_text", "selector": "h1", "value": "(?im)^h", "operator": "matches"}),
        ('expect(page.locator("#a")).to_have_value("x")',
         {"type": "expect_value", "selector": "#a", "value": "x", "operator": "equals"}),
        ('expect(page.locator("#a")).to_be_empty()',
         {"type": "expect_value", "selector": "#a", "value": "", "operator": "equals"}),
        ('expect(page.locator("#a")).to_be_checked()',
         {"type": "expect_visible", "selector": '#a >> css=:scope:is(:checked, [aria-checked="true"])'}),
        ('expect(page).to_have_url("https://a.example/")',
         {"type": "expect_url", "value": "https://a.example/", "operator": "equals"}),
        ('expect(page).to_have_title(re.compile("shop"))',
         {"type": "expect_title", "value": "shop", "operator": "matches"}),
        ('await expect(page.frame_locator("#f").frame_locator("#g").locator("#a")).to_be_visible()',
         {"type": "expect_visible", "selector": "#a", "frame": "#f >>> #g"}),
    ],
)  # fmt: skip
def test_a_call_is_a_step(code: str, step: dict[str, Any]) -> None:
    text = f"async def test(page):\n    {code}" if code.startswith("await") else code
    assert steps_of(text) == [step]


@pytest.mark.parametrize(
    "code",
    [
        "browser = playwright.chromium.launch(headless=False)", "context.close()", "page.close()", "page.pause()",
        'page.once("dialog", lambda dialog: dialog.dismiss())', 'context.storage_state(path="a.json")', "pass",
        '"""About."""', "import re", 'if __name__ == "__main__":\n    main()', "asyncio.run(main())", "run(playwright)",
        'context.tracing.start(screenshots=True)',
    ],
)  # fmt: skip
def test_what_only_starts_and_ends_a_browser_needs_no_step_and_no_word(code: str) -> None:
    assert steps_of(code) == []


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ('page.locator("#a").click(button="right")', "has no button='right'"),
        ('page.locator("#a").click(position={"x": 1, "y": 2})', "has no position="),
        ('page.locator("#a").set_input_files("a.txt")', "content_base64"),
        ('page.locator("#a").press_sequentially("x")', "use fill()"),
        ('page.locator("#a").select_option(["a", "b"])', "selects one option"),
        ("page.reload()", "use goto()"),
        ("page.mouse.click(1, 2)", "no step for mouse.click()"),
        ('page.evaluate("alert(1)")', "no step for evaluate()"),
        ('page.goto(os.environ["URL"])', "is known only when the script runs"),
        ('page.goto("https://a.example/" + path)', "is known only when the script runs"),
        ('page.goto("file:///etc/passwd")', "url must begin with http:// or https://"),
        ('page.goto("javascript:alert(1)")', "url must begin with http:// or https://"),
        ('page.locator("#a[").click()', "selector is not a selector: a [ is never closed"),
        ('page.locator("#a").fill("{{NAME}}")', "would read {{NAME}} as a variable"),
        ('page.on("dialog", lambda dialog: dialog.accept())', "a journey dismisses dialogs"),
        ('expect(page.locator("#a")).to_match_aria_snapshot("- text")', "no step for to_match_aria_snapshot()"),
        ('expect(page.locator("#a")).not_to_have_count(1)', "no step for not_to_have_count()"),
        ('expect(page).to_have_title(re.compile(r"(?P<a>x)"))', "Python's own kind"),
        ('expect(page).to_have_title(re.compile(r"(?=x)y"))', "value is refused by RE2"),
        ('page2.locator("#a").click()', "it is not known what page2 is"),
        ("for number in range(3):\n    page.reload()", "is code"),
        ("assert page.title()", "is code"),
        ("print(1)", "is code"),
        ('context.add_cookies([{"name": "a"}])', "add_cookies()"),
        ('browser = playwright.firefox.launch()', "Chromium, not in firefox"),
        ('context = browser.new_context(locale="de")', "it has no locale='de'"),
        ('context = browser.new_context(**playwright.devices["iPhone 13"])', "viewport and user_agent"),
        ("def helper(page):\n    page.reload()", "the function helper is code"),
        ('page.get_by_role("button", **options).click()', "known only when the script runs"),
        ('page.get_by_text("x").nth("first").click()', "is no place"),
        ("exec('x')", "is code"),
    ],
)  # fmt: skip
def test_what_has_no_step_is_named_with_its_reason(code: str, why: str) -> None:
    recording = read_script(f"\n{code}")
    assert recording.steps == []
    [line] = recording.left
    assert (line.number, why in line.text) == (2, True), line


def test_a_second_window_is_left_out_with_all_that_happens_in_it() -> None:
    recording = read_script(
        "page = context.new_page()\npage.goto('https://a.example/')\npage1 = context.new_page()\n"
        "page1.goto('https://b.example/')\npage1.close()\n"
    )
    assert [step["url"] for step in recording.steps] == ["https://a.example/"]
    assert [line.number for line in recording.left] == [3, 4]


POPUP = """page.goto("https://a.example/")
with page.expect_popup() as page1_info:
    page.locator("#open").click()
page1 = page1_info.value
"""


def selectors_and_left(script: str) -> tuple[list[str], list[tuple[int, str]]]:
    recording = read_script(script)
    return [step.get("selector", step["type"]) for step in recording.steps], [(n, text) for n, text in recording.left]


def test_steps_in_a_window_that_a_page_opens_are_taken_in_their_order() -> None:
    script = POPUP + 'page1.locator("#in").click()\nexpect(page1).to_have_title("In")\npage1.close()\npage.close()\n'
    assert selectors_and_left(script) == (["goto", "#open", "#in", "expect_title"], [])


def test_a_window_that_may_close_by_its_last_step_is_named_with_what_comes_of_it() -> None:
    script = POPUP + 'page1.locator("#done").click()\npage1.close()\npage.locator("#behind").click()\n'
    steps, [(line, text)] = selectors_and_left(script)
    assert steps == ["goto", "#open", "#done", "#behind"]
    assert (line, "unless the step before does, the steps that follow happen in it, and fail" in text) == (6, True)


def test_what_would_happen_in_a_window_that_nothing_closes_is_left_out_until_a_page_is_opened() -> None:
    script = POPUP + (
        'expect(page1.locator("#in")).to_be_visible()\npage1.close()\npage.locator("#behind").click()\n'
        'page.keyboard.press("Enter")\npage.goto("https://a.example/b")\npage.locator("#after").click()\n'
    )
    steps, left = selectors_and_left(script)
    assert steps == ["goto", "#open", "#in", "goto", "#after"]
    assert [line for line, _ in left] == [6, 7, 8]
    assert "it stays in front, and what the script then does in the window behind it is left out" in left[0][1]
    assert "page1 is still in front" in left[1][1]


def test_a_step_behind_an_open_window_is_left_out() -> None:
    script = POPUP + 'page.locator("#behind").click()\npage1.locator("#in").click()\n'
    steps, left = selectors_and_left(script)
    assert steps == ["goto", "#open", "#in"]
    assert left == [(5, "page1 is in front, and a journey's steps happen in the window in front")]


def test_a_recording_for_pytest_says_nothing_of_closings_and_is_taken_all_the_same() -> None:
    script = POPUP + 'page1.locator("#done").click()\npage.locator("#behind").click()\n'
    steps, [(line, text)] = selectors_and_left(script)
    assert (steps, line) == (["goto", "#open", "#done", "#behind"], 6)
    assert "unless the step before does" in text
    steps, [(line, text)] = selectors_and_left(script + 'page1.locator("#late").click()\n')
    assert (steps, line) == (["goto", "#open", "#done", "#late"], 6)
    assert text.startswith("page1 is in front")


def test_windows_that_open_windows_lie_on_each_other() -> None:
    script = POPUP + (
        'with page1.expect_popup() as page2_info:\n    page1.locator("#more").click()\npage2 = page2_info.value\n'
        'page2.locator("#ok").click()\npage2.close()\npage1.locator("#ok").click()\npage1.close()\n'
        'page.locator("#end").click()\n'
    )
    steps, left = selectors_and_left(script)
    assert steps == ["goto", "#open", "#more", "#ok", "#ok", "#end"]
    assert [line for line, _ in left] == [9, 11]


def test_a_window_whose_opening_could_not_be_taken_is_left_out_with_what_happens_in_it() -> None:
    script = (
        'page.goto("https://a.example/")\nwith page.expect_popup() as info:\n    page.evaluate("open()")\n'
        'page1 = info.value\npage1.locator("#in").click()\npage1.close()\npage.locator("#end").click()\n'
    )
    steps, left = selectors_and_left(script)
    assert steps == ["goto", "#end"]
    assert [line for line, _ in left] == [3, 5]


def test_a_popup_of_a_recording_is_walked_to_its_end(walker: Walker, site: Site) -> None:
    """In a real browser: into the window, and back when its own button closes it."""
    site.page("/", "<button id=open onclick=window.open('/pop')>Help</button><h1>Behind</h1>")
    site.page("/pop", "<button onclick='window.close()'>Done</button>")
    script = POPUP.replace("https://a.example", site.url) + (
        'expect(page1).to_have_title("Page")\npage1.get_by_role("button", name="Done").click()\npage1.close()\n'
        'expect(page.get_by_role("heading", name="Behind")).to_be_visible()\n'
    )
    outcome = walker.walk(*read_script(script).steps)
    assert (outcome.status, [step.name for step in outcome.steps][-2:]) == (
        "success", ["click Done", "expect visible Behind"],
    )  # fmt: skip


def test_of_several_tests_the_first_is_taken() -> None:
    recording = read_script(
        'def test_a(page):\n    page.goto("https://a.example/")\n\ndef test_b(page):\n    page.goto("https://b.example/")\n'
    )
    assert [step["url"] for step in recording.steps] == ["https://a.example/"]
    assert [line.number for line in recording.left] == [4]


def test_a_name_may_stand_for_a_locator() -> None:
    assert steps_of('row = page.get_by_role("row").nth(1)', 'row.get_by_text("Edit").click()') == [
        {"type": "click", "name": "click Edit", "selector": "role=row >> nth=1 >> text=Edit"}
    ]


def test_context_options_are_fields_of_the_journey() -> None:
    recording: Recording = read_script(
        "context = browser.new_context(base_url='https://a.example', user_agent='me', viewport={'width': 800, "
        "'height': 600}, extra_http_headers={'X-A': 'b'}, accept_downloads=True)\n"
    )
    assert recording.left == []
    assert recording.fields == {
        "base_url": "https://a.example", "user_agent": "me", "viewport": {"width": 800, "height": 600},
        "extra_headers": {"X-A": "b"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('page.get_by_label("Email").fill("x")', "fill Email"),
        ('expect(page.get_by_text("Welcome\\n me", exact=True)).to_be_visible()', "expect visible Welcome me"),
        ('page.get_by_role("row").nth(2).click()', "click row"),
        ('page.get_by_role("button", name=re.compile("^Buy")).first.click()', "click ^Buy"),
        ('page.get_by_test_id("row-1").locator("button").click()', None),
        ('page.locator("#a").click()', None),
        (f'page.get_by_text("{"long " * 60}").click()', f"click {('long ' * 60)[:79]}…"),
    ],
)  # fmt: skip
def test_a_step_is_called_as_people_call_its_element(code: str, name: str | None) -> None:
    [step] = steps_of(code)
    assert step.get("name") == name


def test_each_secret_has_a_name_of_its_own_and_keeps_it() -> None:
    recording = read_script(
        'page.get_by_label("Password").fill("one")\npage.get_by_label("New password").fill("two")\n'
        'page.get_by_label("Confirm new password").fill("two")\npage.get_by_label("PIN").fill("1234")\n'
        'page.get_by_label("Spinning").fill("no secret")\npage.get_by_label("Password").fill("")\n'
    )
    assert [step["value"] for step in recording.steps] == [
        "{{PASSWORD}}", "{{PASSWORD_2}}", "{{PASSWORD_2}}", "{{PIN}}", "no secret", "",
    ]  # fmt: skip
    assert recording.variables == {"PASSWORD": "one", "PASSWORD_2": "two", "PIN": "1234"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def (", "line 1 is not Python"),
        ("import { test } from '@playwright/test';\ntest('a', async () => {\n", "it is JavaScript: record with"),
        ("const { chromium } = require('playwright');", "it is JavaScript: record with `playwright codegen --target"),
        ("page.goto('x')\n  y = 1", "line 2 is not Python"),
        ("\0", "not Python"),
        ("x = " + "(" * 10_000, "not Python"),
        ("page" + ".first" * 5_000 + ".click()", "nested too deeply"),
        ("a" * 1_000_001, "longer than"),
    ],
)  # fmt: skip
def test_what_is_no_script_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(NoScriptError, match=re.escape(said)):
        read_script(text)


def test_nothing_of_a_script_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    left_of(f"__import__('pathlib').Path({str(trap)!r}).touch()")
    assert not trap.exists()

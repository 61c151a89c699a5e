"""Why a step failed, in words for people: Playwright's call log, read once, here.

Playwright tells what it waited for, not what is wrong: "Timeout 10000ms exceeded" and a log of its attempts. The last
attempt says what stood in the way.
"""

from __future__ import annotations

import re

from journeys.steps.base import Step

_MAX_WORDS = 300
_COVERED = re.compile(r"(<.*>)(?: from (<.*>) subtree)? intercepts pointer events")
_OPENING_TAG = re.compile(r"<([a-zA-Z][\w-]*)((?:\s[^>]*)?)>")
_ATTRIBUTE = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_IN_THE_WAY = (
    ("element is not visible", "element is there, but can't be seen"),
    ("element is not enabled", "element is disabled"),
    ("element is not editable", "field can't be written to: it is read-only or disabled"),
    ("element is not stable", "element keeps moving"),
    ("element is outside of the viewport", "element is outside of the window and can't be scrolled to"),
    ("did not find some options", "there is no such option"),
    ("element was detached from the DOM", "element was taken away again and again while it was acted on"),
)
_REFUSALS = (
    (re.compile(r"while parsing (?:css )?selector|is not a valid XPath|Unknown engine|InvalidSelector"), "selector"),
    (re.compile(r"Unknown key"), "key"),
)
_METHOD = re.compile(r"^(?:\w+\.\w+: )?(?:Error: )?")


def in_the_way(log: str) -> str | None:
    """What the log of an action that timed out says of the element; None when it was never found."""
    for line in reversed(log.splitlines()):
        covered = _COVERED.search(line)
        if covered is not None:
            return f"element is covered by `{named(covered[2] or covered[1])}`"
        for said, words in _IN_THE_WAY:
            if said in line:
                return words
    return None


def named(tag: str) -> str:
    """`<div id="banner" class="a b">…</div>` -> `#banner`: the shortest selector that its tag alone tells."""
    opening = _OPENING_TAG.search(tag)
    if opening is None:
        return tag[:_MAX_WORDS]
    attributes = dict(_ATTRIBUTE.findall(opening[2]))
    name = opening[1].lower()
    if attributes.get("id"):
        return f"#{attributes['id']}"
    if attributes.get("data-testid"):
        return f"[data-testid={attributes['data-testid']}]"
    if attributes.get("class", "").split():
        return ".".join([name, *attributes["class"].split()[:3]])
    return name


def refused(message: str, step: Step) -> str:
    """An error that no waiting would have mended: what Playwright says, in one line."""
    first = _METHOD.sub("", message.partition("\n")[0]).strip()
    for pattern, field in _REFUSALS:
        if pattern.search(message):
            return f"{field} `{getattr(step, field, '')}` can't be used: {first}"[:_MAX_WORDS]
    return first[:_MAX_WORDS]


def seconds(value: float) -> str:
    """`10 s`, `0.5 s`."""
    return f"{value:.3g} s"

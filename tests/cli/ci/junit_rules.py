"""What the schemas of JUnit's reports demand, as rules: Ant's (Windy Road, Apache 2.0), which is the narrowest, and
Jenkins' junit-10 (MIT). A report without breaches is valid by both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

_SUITE = {
    "name": r".+", "package": r".*", "id": r"\d+", "hostname": r".+", "tests": r"\d+", "failures": r"\d+",
    "errors": r"\d+", "skipped": r"\d+", "time": r"\d+(\.\d+)?", "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
}  # fmt: skip
_CASE = {"name": r"(?s).*", "classname": r"(?s).*", "time": r"\d+(\.\d+)?"}
_FAULT = {"message": r"(?s).*", "type": r".*"}
_INSIDE_SUITE = ["properties", "testcase", "system-out", "system-err"]


def breaches(xml: bytes) -> list[str]:
    """What is against the rules, in words; nothing for a report that any reader takes."""
    root = ElementTree.fromstring(xml)  # noqa: S314 - our own report
    if root.tag != "testsuites" or root.attrib:
        return [f"the root is {root.tag} with {sorted(root.attrib)}"]
    return [breach for suite in root for breach in _suite(suite)]


def _suite(suite: ElementTree.Element) -> Iterator[str]:
    yield from _attributes(suite, _SUITE)
    order = list(dict.fromkeys(child.tag for child in suite))
    wanted = [tag for tag in _INSIDE_SUITE if tag != "testcase" or suite.find(tag) is not None]
    if order != wanted:
        yield f"a suite holds {order}, and not {wanted}"
    for once in ("properties", "system-out", "system-err"):
        if len(suite.findall(once)) != 1:
            yield f"a suite has not one {once}"
    for kind, counted in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        if suite.get(counted) != str(len(suite.findall(f"testcase/{kind}"))):
            yield f"{counted} is not their number"
    cases = suite.findall("testcase")
    if suite.get("tests") != str(len(cases)):
        yield "tests is not their number"
    for case in cases:
        yield from _attributes(case, _CASE)
        if len(case) > 1 or any(child.tag not in ("failure", "error", "skipped") for child in case):
            yield f"a case holds {[child.tag for child in case]}"
        for fault in case:
            yield from _attributes(fault, _FAULT)
            if len(fault):
                yield "a fault holds elements"


def _attributes(element: ElementTree.Element, rules: dict[str, str]) -> Iterator[str]:
    if set(element.attrib) != set(rules):
        yield f"{element.tag} has {sorted(element.attrib)}"
    for name, pattern in rules.items():
        if not re.fullmatch(pattern, element.get(name, "")):
            yield f"{element.tag}: {name} is {element.get(name)!r}"

"""Results as JUnit XML: `<failure>` for what the site did wrong, `<error>` for what could not be measured.

The form is the narrowest that is read everywhere: valid both by the schema of Ant's reports (Windy Road's, which
GitHub's reporters and many others follow) and by Jenkins' (junit-10). GitLab reads the same elements. So links and
steps stand in the text of a failure and in `system-out`, and no element or attribute is beyond these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

from cli.ci.lines import step_lines
from cli.ci.results import Artifact, JourneyResult

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(
    suite: str,
    results: Sequence[JourneyResult],
    *,
    host: str,
    started_at: str,
    facts: Mapping[str, str],
    problem: str | None = None,
) -> bytes:
    """One suite. `started_at`: UTC, without zone or parts of a second, as the schema wants it. `facts`: properties.
    `problem`: why nothing was run, an error of its own: an empty report would look like success."""
    root = ElementTree.Element("testsuites")
    counts = {
        "tests": len(results) + (problem is not None),
        "failures": sum(result.status == "failed" for result in results),
        "errors": sum(result.status not in ("failed", "success") for result in results) + (problem is not None),
        "skipped": 0,
    }
    attributes = {
        "name": suite, "package": "tracer", "id": "0", "hostname": host, "timestamp": started_at,
        "time": _seconds(sum(result.duration_ms or 0 for result in results)),
        **{name: str(count) for name, count in counts.items()},
    }  # fmt: skip
    one = ElementTree.SubElement(root, "testsuite", _clean_all(attributes))
    properties = ElementTree.SubElement(one, "properties")
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", _clean_all({"name": name, "value": value}))
    for result in results:
        _case(one, suite, result)
    if problem is not None:
        case = ElementTree.SubElement(
            one, "testcase", _clean_all({"name": "Nothing was run", "classname": suite, "time": _seconds(0)})
        )
        ElementTree.SubElement(case, "error", _clean_all({"message": problem, "type": "not_run"})).text = _clean(
            problem
        )
    pages = "\n".join(f"{result.title}: {result.url}" for result in results if result.url)
    ElementTree.SubElement(one, "system-out").text = _clean(pages)
    ElementTree.SubElement(one, "system-err").text = ""
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data + b"\n"


def _case(suite: ElementTree.Element, tag: str, result: JourneyResult) -> None:
    attributes = {"name": result.title, "classname": tag, "time": _seconds(result.duration_ms or 0)}
    case = ElementTree.SubElement(suite, "testcase", _clean_all(attributes))
    if result.status == "success":
        return
    kind = "failure" if result.status == "failed" else "error"
    code = (result.error or {}).get("code") or ("unknown" if result.ended else "not_finished")
    fault = ElementTree.SubElement(case, kind, _clean_all({"message": result.reason, "type": code}))
    parts = [[result.reason], step_lines(result), [*_where(result)]]
    fault.text = _clean("\n\n".join("\n".join(part) for part in parts if part))


def _where(result: JourneyResult) -> Iterator[str]:
    """Where to look. The page is said to hold what it holds."""
    if result.url:
        kinds = {artifact.type for artifact in result.artifacts}
        shown = " and ".join(kind for kind in ("screenshot", "trace") if kind in kinds)
        yield f"Run, with its {shown}: {result.url}" if shown else f"Run: {result.url}"
    for artifact in result.artifacts:
        if _lasts(artifact):
            yield f"{artifact.type}: {artifact.where}"


def _lasts(artifact: Artifact) -> bool:
    """A signed link is dead, or in the wrong hands, by the time that a report is read."""
    return not artifact.where.startswith(("http://", "https://"))


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"


def _clean(text: str) -> str:
    """Without what no XML 1.0 document can hold."""
    return _NOT_IN_XML.sub("\ufffd", text)


def _clean_all(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: _clean(value) for name, value in attributes.items()}

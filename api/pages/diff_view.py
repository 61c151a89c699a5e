"""A unified diff as a table: what goes, what comes, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_LINES = 2_000
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
_KINDS = {"+": "added", "-": "removed", " ": "same", "\\": "remark"}


@dataclass(frozen=True)
class DiffLine:
    """`kind`: added, removed, same, remark; hunk: where the next lines stand. Numbers: in the file before and after."""

    kind: str
    text: str
    before: int | None = None
    after: int | None = None


@dataclass
class DiffFile:
    """A file that is changed; `added`, `removed`: how many lines."""

    path: str
    added: int = 0
    removed: int = 0
    lines: list[DiffLine] = field(default_factory=list)


@dataclass(frozen=True)
class DiffView:
    """`left_out`: lines that are not shown."""

    files: list[DiffFile]
    left_out: int


def diff_view(diff: str, most_lines: int = MOST_LINES) -> DiffView:
    """A diff that has been judged (telemetry/agents/fixing/diffs.py); whatever else it is given is shown as remarks."""
    files: list[DiffFile] = []
    lines = diff.rstrip("\n").split("\n")
    before = after = left_before = left_after = 0
    for line in lines[:most_lines]:
        if left_before > 0 or left_after > 0 or (line.startswith("\\") and files):
            kind = _KINDS.get(line[:1], "same")
            file = files[-1]
            file.lines.append(
                DiffLine(
                    kind,
                    line[1:],
                    before if kind in ("removed", "same") else None,
                    after if kind in ("added", "same") else None,
                )
            )
            if kind in ("removed", "same"):
                before, left_before = before + 1, left_before - 1
            if kind in ("added", "same"):
                after, left_after = after + 1, left_after - 1
            file.added += kind == "added"
            file.removed += kind == "removed"
        elif (found := _HUNK.match(line)) is not None and files:
            before, after = int(found[1]), int(found[3])
            left_before, left_after = int(found[2] or 1), int(found[4] or 1)
            files[-1].lines.append(DiffLine("hunk", line))
        elif line.startswith("--- "):
            files.append(DiffFile(_path(line)))
        elif line.startswith("+++ ") and files and _path(line) != "/dev/null":
            files[-1].path = _path(line)
    return DiffView(files, max(0, len(lines) - most_lines))


def _path(line: str) -> str:
    path = line[4:].partition("\t")[0]
    return path[2:] if path.startswith(("a/", "b/")) else path

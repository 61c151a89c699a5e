"""What a unified diff may be: changes of plain text files inside a repository, and nothing else.

Judged here is what can be read without the repository; git has the last word on the paths that it understands, and on
whether it applies (applying.py). Of what is rare in a fix and a way around a reader, nothing is taken: renames, copies,
changes of modes, names in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_CHARACTERS = 256 * 1024
MOST_FILES = 200
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_FILE = re.compile(r"(---|\+\+\+) (.+?)(?:\t.*)?")
_PAIR = re.compile(r"diff --git a/(\S+) b/(\S+)")
_MODES = {
    "new file mode": ("100644",),
    "deleted file mode": ("100644", "100755"),
}
_REFUSED = {
    "GIT binary patch": "holds a binary patch",
    "Binary files ": "holds a binary patch",
    "old mode ": "changes the mode of a file",
    "new mode ": "changes the mode of a file",
    "rename ": "renames a file",
    "copy ": "copies a file",
}
_NOTHING = "/dev/null"


class DiffError(ValueError):
    """The end of a sentence that begins with "the diff"."""


def judge_diff(text: str) -> list[str]:
    """The files that it changes, by their paths in the repository. DiffError."""
    if not text.strip():
        raise DiffError("is empty")
    if len(text) > MOST_CHARACTERS:
        raise DiffError(f"is larger than {MOST_CHARACTERS // 1024} KiB")
    if "\0" in text:
        raise DiffError("holds a binary patch")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DiffError("is not text")
    paths: dict[str, None] = {}
    hunks, left = 0, (0, 0)
    for line in text.split("\n"):
        if max(left) > 0:
            left = _inside(line, left)
        elif (found := _HUNK.match(line)) is not None:
            hunks += 1
            left = int(found[1] or 1), int(found[2] or 1)
        else:
            paths.update(dict.fromkeys(_head(line)))
    if max(left) > 0:
        raise DiffError("ends in the middle of a hunk")
    if not paths or not hunks:
        raise DiffError("changes no file")
    if len(paths) > MOST_FILES:
        raise DiffError(f"changes more than {MOST_FILES} files")
    return list(paths)


def judge_paths(paths: Sequence[str]) -> None:
    """DiffError for one that is not a file inside the repository."""
    for path in paths:
        parts = path.split("/")
        if path.startswith(("/", "~")) or "\\" in path or re.match(r"[A-Za-z]:", path):
            raise DiffError(f"leads out of the repository: {path[:200]!r}")
        if any(part in ("", ".", "..") for part in parts):
            raise DiffError(f"leads out of the repository: {path[:200]!r}")
        if any(_is_of_git(part) for part in parts):
            raise DiffError(f"changes what git keeps for itself: {path[:200]!r}")
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise DiffError("names a file with control characters")


def _inside(line: str, left: tuple[int, int]) -> tuple[int, int]:
    """What is left of a hunk after one of its lines: (of the old file, of the new one)."""
    old, new = left
    kind = line[:1]
    if kind == "\\":
        return left
    if kind == "-":
        old -= 1
    elif kind == "+":
        new -= 1
    elif kind in (" ", "", "\r"):
        old, new = old - 1, new - 1
    else:
        raise DiffError("has a hunk with lines that are none of a diff")
    if min(old, new) < 0:
        raise DiffError("has a hunk that is longer than its head says")
    return old, new


def _head(line: str) -> list[str]:
    """The files that a line outside of hunks names. DiffError."""
    for begin, reason in _REFUSED.items():
        if line.startswith(begin):
            raise DiffError(reason)
    for begin, modes in _MODES.items():
        if line.startswith(begin) and line.removeprefix(begin).strip() not in modes:
            raise DiffError("makes something else than a plain file")
    if line.startswith("diff --git "):
        return _of_pair(line)
    found = _FILE.fullmatch(line.rstrip("\r"))
    if found is None:
        return []
    return _named(found[2].rstrip(), "a/" if found[1] == "---" else "b/")


def _of_pair(line: str) -> list[str]:
    if '"' in line:
        raise DiffError("names a file in quotes")
    found = _PAIR.fullmatch(line.rstrip("\r"))
    if found is None:
        return []  # a name with spaces: the lines --- and +++ say which
    if found[1] != found[2]:
        raise DiffError("renames a file")
    judge_paths([found[1]])
    return [found[1]]


def _named(name: str, begin: str) -> list[str]:
    if name == _NOTHING:
        return []
    if name.startswith('"'):
        raise DiffError("names a file in quotes")
    if not name.startswith(begin):
        judge_paths([name])  # a reason of its own where it leads out
        raise DiffError("must name files as git does, with a/ and b/ before their paths")
    path = name.removeprefix(begin)
    judge_paths([path])
    return [path]


def _is_of_git(part: str) -> bool:
    """Also as file systems without case, with trailing dots or with short names know it."""
    plain = part.rstrip(". ").lower().replace("\u200c", "").replace("\u200d", "")
    return plain in (".git", "git~1", ".gitmodules") or plain.startswith(".git:")

"""Whether a diff applies cleanly to a snapshot of a repository: nothing is written out, git looks at the index."""

from __future__ import annotations

from telemetry.agents.fixing.diffs import DiffError, judge_diff, judge_paths
from telemetry.agents.fixing.repositories import Snapshot

_PLAIN = ("100644", "100755")
_MOST_SHOWN = 300


def applied(diff: str, snapshot: Snapshot) -> str:
    """The diff as it applies. DiffError; RepositoryError."""
    diff = diff if diff.endswith("\n") else f"{diff}\n"
    judged, given = judge_diff(diff), diff.encode()
    counted = snapshot.git("apply", "--numstat", "-z", "-", given=given)
    if counted.code:
        raise DiffError(f"can't be read: {_told(counted.complaint)}")
    paths = [entry.split("\t", 2)[-1] for entry in counted.said.decode(errors="replace").split("\0") if entry]
    judge_paths(paths)
    if set(paths) != set(judged):
        raise DiffError("can be read in more than one way")
    there = snapshot.git("--literal-pathspecs", "ls-files", "--stage", "-z", "--", *paths)
    modes = [entry.split(" ", 1)[0] for entry in there.said.decode(errors="replace").split("\0") if entry]
    if any(mode not in _PLAIN for mode in modes):
        raise DiffError("changes a symbolic link or a submodule")
    checked = snapshot.git("apply", "--check", "--cached", "--whitespace=nowarn", "-", given=given)
    if checked.code:
        raise DiffError(f"does not apply to the repository: {_told(checked.complaint)}")
    return diff


def _told(complaint: str) -> str:
    line = next((line for line in complaint.splitlines() if line.strip()), "git says no more")
    return "".join(character if character.isprintable() else " " for character in line)[:_MOST_SHOWN]

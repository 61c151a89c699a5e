"""What a diff may be, and whether it applies: nothing that leads out of the repository is ever taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.addresses import AddressPolicy, networks_of
from telemetry.agents.fixing.applying import applied
from telemetry.agents.fixing.diffs import MOST_CHARACTERS, DiffError, judge_diff
from telemetry.agents.fixing.programs import Programs
from telemetry.agents.fixing.repositories import Repository, Snapshot, Snapshots
from tests.telemetry.agents.fixes import GOOD, make_repository

NEW = "--- /dev/null\n+++ b/{}\n@@ -0,0 +1 @@\n+x\n"
LINK = "@@ -1 +1 @@\n-/etc/passwd\n\\ No newline at end of file\n+/etc/shadow\n\\ No newline at end of file\n"
HOSTILE = {
    "empty": ("", "is empty"),
    "blank": (" \n\n", "is empty"),
    "no diff": ("Change the limit to 2.", "changes no file"),
    "parent": (NEW.format("../x"), "leads out of the repository"),
    "parent within": (NEW.format("shop/../../x"), "leads out of the repository"),
    "absolute": ("--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 @@\n+x\n", "leads out of the repository"),
    "absolute within": (NEW.format("/etc/x"), "leads out of the repository"),
    "drive": (NEW.format("C:/x"), "leads out of the repository"),
    "backslash": (NEW.format("..\\x"), "leads out of the repository"),
    "git": (NEW.format(".git/hooks/post-checkout"), "changes what git keeps for itself"),
    "git in capitals": (NEW.format("shop/.GIT/config"), "changes what git keeps for itself"),
    "git with a dot": (NEW.format(".git./config"), "changes what git keeps for itself"),
    "git by its short name": (NEW.format("GIT~1/config"), "changes what git keeps for itself"),
    "submodules": (NEW.format(".gitmodules"), "changes what git keeps for itself"),
    "new symlink": (
        f"diff --git a/l b/l\nnew file mode 120000\n{NEW.format('l')}", "makes something else than a plain file",
    ),
    "submodule": (
        f"diff --git a/l b/l\nnew file mode 160000\n{NEW.format('l')}", "makes something else than a plain file",
    ),
    "executable": (
        f"diff --git a/l b/l\nnew file mode 100755\n{NEW.format('l')}", "makes something else than a plain file",
    ),
    "mode": ("diff --git a/shop/agent.py b/shop/agent.py\nold mode 100644\nnew mode 100755\n", "changes the mode"),
    "binary": ("diff --git a/l b/l\nnew file mode 100644\nGIT binary patch\nliteral 1\n", "holds a binary patch"),
    "nul": (NEW.format("l").replace("+x", "+\0"), "holds a binary patch"),
    "rename": (
        "diff --git a/shop/agent.py b/x.py\nsimilarity index 100%\nrename from shop/agent.py\nrename to x.py\n",
        "renames a file",
    ),
    "copy": ("diff --git a/x b/x\ncopy from x\ncopy to y\n", "copies a file"),
    "quotes": ('--- /dev/null\n+++ "b/\\056\\056/x"\n@@ -0,0 +1 @@\n+x\n', "names a file in quotes"),
    "no letters": (GOOD.replace("a/shop", "shop"), "must name files as git does"),
    "changed symlink": (f"--- a/shop/link\n+++ b/shop/link\n{LINK}", "changes a symbolic link or a submodule"),
    "behind a symlink": (NEW.format("shop/link/x"), "does not apply to the repository"),
    "not there": (GOOD.replace("shop/agent", "shop/other"), "does not apply to the repository"),
    "other text": (GOOD.replace("-MOST_EQUAL_CALLS = None", "-MOST_EQUAL_CALLS = 7"), "does not apply"),
    "there already": (NEW.format("shop/agent.py"), "does not apply to the repository"),
    "cut off": (GOOD.rsplit("\n", 3)[0], "ends in the middle of a hunk"),
    "too large": (NEW.format("x") + "x" * MOST_CHARACTERS, "is larger than 256 KiB"),
    "too many": ("".join(NEW.format(f"f{number}") for number in range(201)), "changes more than 200 files"),
    "surrogate": (NEW.format("l").replace("+x", "+\ud800"), "is not text"),
    "a second file hidden in a hunk": (GOOD + NEW.format("../x"), "leads out of the repository"),
}  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    folder = tmp_path_factory.mktemp("repositories")
    make_repository(folder / "shop")
    snapshots = Snapshots(Programs(), AddressPolicy(networks_of([])), folder)
    with snapshots.take(Repository("shop", None)) as taken:
        yield taken


@pytest.mark.parametrize(("diff", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_diff_is_refused_with_the_reason(snapshot: Snapshot, diff: str, reason: str) -> None:
    with pytest.raises(DiffError, match="^" + reason):
        applied(diff, snapshot)


@pytest.mark.parametrize(
    "diff",
    [
        GOOD,
        GOOD.rstrip("\n"),
        NEW.format("shop/new.py"),
        NEW.format("a name with spaces.txt"),
        f"diff --git a/l b/l\nnew file mode 100644\nindex 0000000..587be6b\n{NEW.format('l')}",
        "--- a/shop/a b.txt\t\n+++ b/shop/a b.txt\t\n@@ -1 +1 @@\n-one\n+--- a/../../x\n",
        "diff --git a/shop/a b.txt b/shop/a b.txt\ndeleted file mode 100644\n--- a/shop/a b.txt\t\n+++ /dev/null\n"
        "@@ -1 +0,0 @@\n-one\n",
    ],
)
def test_a_plain_diff_is_taken_with_a_newline_at_its_end(snapshot: Snapshot, diff: str) -> None:
    assert applied(diff, snapshot) == diff.rstrip("\n") + "\n"


@given(st.lists(st.sampled_from([*"+- @\\ab/.\n\t", "--- a/", "+++ b/", "../", "@@ -1 +1 @@", ".git/", "diff --git "])))
def test_whatever_is_taken_lies_inside(parts: list[str]) -> None:
    try:
        found = judge_diff("".join(parts))
    except DiffError:
        return
    for path in found:
        assert not path.startswith("/")
        assert not {"", ".", "..", ".git"} & set(Path(path).parts)

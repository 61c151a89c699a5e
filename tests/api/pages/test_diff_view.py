"""A unified diff as people read it: files, numbers of lines, what goes and what comes."""

from __future__ import annotations

from api.pages.diff_view import MOST_LINES, diff_view

DIFF = """\
--- a/shop.py
+++ b/shop.py
@@ -12,3 +12,4 @@ PRICES
 PRICES = {
-    "emma": 9,
+    "emma": 10,
+--- "dune": 12,
 }
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+hello
\\ No newline at end of file
"""


def test_lines_have_the_numbers_of_their_files() -> None:
    shop, new = diff_view(DIFF).files
    assert (shop.path, shop.added, shop.removed, new.path, new.added) == ("shop.py", 2, 1, "new.txt", 1)
    assert [(line.kind, line.before, line.after) for line in shop.lines] == [
        ("hunk", None, None), ("same", 12, 12), ("removed", 13, None), ("added", None, 13), ("added", None, 14),
        ("same", 14, 15),
    ]  # fmt: skip
    assert shop.lines[4].text == '--- "dune": 12,', "what looks like a head inside a hunk is a line"
    assert [line.kind for line in new.lines] == ["hunk", "added", "remark"]


def test_a_long_diff_ends_and_says_so() -> None:
    long = f"--- a/x\n+++ b/x\n@@ -0,0 +1,{MOST_LINES} @@\n" + "+x\n" * MOST_LINES
    assert diff_view(long).left_out == 3


def test_what_is_no_diff_has_no_files() -> None:
    assert diff_view("nothing\n@@ -1 +1 @@\n+x").files == []

#!/usr/bin/env python3
"""A sample for TRACER_FIX_COMMAND: gives an agent that calls a tool in a loop a limit of equal calls.

It reads the incident as JSON from standard input and answers {"plan": [...], "diff": "..."}. Yours may ask a language
model; it has no environment, so a key comes from a file that only it may read. FILE is what the limit stands in, as it
is in the repository; the path in the diff is PATH.

    TRACER_FIX_COMMAND="/usr/bin/python3 /opt/tracer/examples/propose_fix.py FILE PATH"
"""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path

BEFORE, AFTER = "MOST_EQUAL_CALLS = None\n", "MOST_EQUAL_CALLS = 2\n"


def main() -> None:
    told = json.load(sys.stdin)
    file, path = sys.argv[1:3]
    lines = Path(file).read_text().splitlines(keepends=True)
    loops = told["incident"]["label"] == "tool_loop" and BEFORE in lines
    changed = [AFTER if line == BEFORE else line for line in lines] if loops else lines
    diff = "".join(difflib.unified_diff(lines, changed, f"a/{path}", f"b/{path}"))
    json.dump({"plan": ["Refuse the third equal call.", *told["plan"]], "diff": diff or None}, sys.stdout)


if __name__ == "__main__":
    main()

"""Draws check.svg, the README's picture, from a real check: `.venv/bin/python docs/images/draw_check.py URL`."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from rich.console import Console

from cli.environment import ALLOWED_BY_HAND
from cli.waterfall import print_outcome
from probes.once import run_once
from probes.target import definition_of


def main() -> None:
    target = sys.argv[1]
    outcome = asyncio.run(run_once(definition_of(target), allow_nets=ALLOWED_BY_HAND))
    console = Console(record=True, width=80, force_terminal=True)
    print_outcome(target, outcome, console)
    picture = console.export_svg(title=f"tracer check {target}", font_aspect_ratio=0.6)
    picture = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", picture, flags=re.DOTALL)  # nothing is loaded from elsewhere
    picture = picture.replace("Fira Code", "ui-monospace, Menlo, Consolas")
    Path(__file__).with_name("check.svg").write_text(picture)


if __name__ == "__main__":
    main()

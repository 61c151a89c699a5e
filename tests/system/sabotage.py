"""Broken builds, for proving that the whole-process tests have teeth: `python -m tests.system.sabotage NAME server`.

Each replaces one function of the product in this process only, then runs the command line as usual.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

SABOTAGE: dict[str, Callable[[], None]] = {}


def sabotage(function: Callable[[], None]) -> Callable[[], None]:
    SABOTAGE[function.__name__] = function
    return function


def main() -> None:
    name = sys.argv.pop(1)
    SABOTAGE[name]()
    from cli.main import main as tracer

    tracer()


if __name__ == "__main__":
    main()

"""The garbage collector of a process that runs for months: told once what stays, it need not look at it again."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """What is here by now stays: walking it again and again would make timers late and cost the server a tenth of its
    CPU. What comes later makes few cycles, so it is also looked at less often. For the process as a whole, once it has
    started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)

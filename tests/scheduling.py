"""Which worker runs which test."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class StacksApart(LoadScopeScheduling):
    """Tests of whole products one after the other, a worker a store, from the beginning: many products in a hurry would
    only measure each other, and they leave a machine much time for others. All other tests go to whoever is free.

    (xdist's own groups are part of a test's id, which pytest 9.2 does not let it change any more.)"""

    def _split_scope(self, nodeid: str) -> str:
        """What has one name goes to one worker, the larger sooner."""
        if not nodeid.startswith("tests/system/"):
            return nodeid
        return "stacks on PostgreSQL" if "[postgresql" in nodeid else "stacks on SQLite"

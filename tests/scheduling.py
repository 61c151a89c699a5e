"""Which worker runs which test."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class StacksApart(LoadScopeScheduling):
    """Tests of whole products one after the other, a worker a store, from the beginning: many products in a hurry would
    only measure each other, and they leave a machine much time for others. Those that share a browser go to one worker,
    all other tests to whoever is free.

    (xdist's own groups are part of a test's id, which pytest 9.2 does not let it change any more.)"""

    def _split_scope(self, nodeid: str) -> str:
        """What has one name goes to one worker, the larger sooner."""
        file = nodeid.partition("::")[0]
        if file.startswith("tests/system/"):
            return "stacks on PostgreSQL" if "[postgresql" in nodeid else "stacks on SQLite"
        shares_a_browser = file.startswith("tests/api/pages/screens/") or file == "tests/security/test_pages.py"
        return file if shares_a_browser else nodeid

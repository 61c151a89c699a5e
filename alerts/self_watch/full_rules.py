"""A rule on events that has as many open alerts as it may have: for further groups of events it raises none, and owners
must know, for it may be a storm, or somebody who makes groups up with a public key. Over when there is room again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alerts.self_watch.watching import Trouble, View, Watch
from model.notices import NoticeKind
from store.firings import MOST_OPEN, rules_by_open_groups

_ROOM = 0.9
"""Below this part of what it may have a rule has room again: one that comes and goes is not told each time."""


def _look(view: View) -> Iterable[Trouble]:
    return list(_full(view))


def _full(view: View) -> Iterator[Trouble]:
    for rule in rules_by_open_groups(view.session, round(MOST_OPEN * _ROOM)):
        key = rule.organization_id, NoticeKind.RULE_FULL, rule.id
        if rule.open_groups < MOST_OPEN and not view.knows(*key):
            continue
        message = (
            f"The rule {rule.name} has {MOST_OPEN} open alerts: for other groups of events it raises none until some "
            "are over. A group_by with fewer values, or a narrower query, would keep it from that."
        )
        yield Trouble(*key, "high", message)


WATCH = Watch((NoticeKind.RULE_FULL,), _look)

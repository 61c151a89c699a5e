"""Rules on events, as they arrive: a pass reads what was stored since the last one, and what follows from it (alerts,
firings, notices) is one transaction of the main store with the number up to which it has read (docs/decisions/0016).

Killed before that commit, the next pass reads the same and comes to the same; after it, nobody reads it again. Of two
processes that judge the same events one finds the number moved, and begins anew from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from store.alert_rules import hold_rules
from store.alerting_feed import alerting_number
from store.firings import MOST_OPEN, OpenGroup, advance_cursor, any_group_open, read_cursor
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import is_sqlite
from store.write_lock import Urgency
from telemetry.issue_ids import issue_number
from telemetry.joining import Joining, join_alerts, joinings
from telemetry.judged import Ground, RuleInForce, ground_of
from telemetry.raising import Closing, Fire, close_groups, raise_alerts
from telemetry.rules import FINGERPRINT
from telemetry.stored.following import (
    Arrived,
    IssueFacts,
    arrived_between,
    count_before,
    facts_of_issues,
    first_after,
    standing_for,
    times_before,
    with_first_release,
)
from telemetry.stored.head import events_before, read_head
from telemetry.stored.issue_counts import OPEN
from telemetry.thresholds import firings

MOST_EVENTS = 5_000
"""Read in one pass."""
MOST_PASSES = 100
MOST_FIRES = 20
"""Told of in one transaction: slots wait for it."""
SETTLED_MS = 2_000
"""What was received so long ago has been committed, or never will be."""
KEEP_EVERY_MS = 5_000
"""How often the number is kept when nothing comes of what was read. Judged again, it would come to nothing again."""


class _MovedError(Exception):
    """Somebody else has judged, or edited a rule, meanwhile."""


@dataclass
class _Pass:
    """What one pass has found. `upto`: how far it goes; `head`: whether that is all there is."""

    ground: Ground
    upto: int
    head: bool
    now_ms: int
    fires: list[Fire]
    closings: list[Closing]
    joinings: list[Joining] = field(default_factory=list)


class EventJudge:
    """Of one process; used by one thread at a time. `reached`: called at read, judged, written and kept; what it
    raises ends the work there, as a crash would."""

    def __init__(self, database: Database, reached: Callable[[str], None] = lambda _point: None) -> None:
        self._database = database
        self._reached = reached
        self._stored = self._seen = -1
        self._kept_ms = 0
        self._ground: Ground | None = None
        self._look_at: dict[str, int] = {}

    def waits(self, session: Session, events: Session) -> bool:
        """Whether there may be anything to judge, or to keep: a look before `work`, in sessions of EVERY_ORGANIZATION.
        What is open may be over with time alone."""
        ground = self._ground
        return (
            ground is None
            or not self._stored == self._seen == read_cursor(session) == read_head(events).events
            or ground.number != alerting_number(session)
            or any_group_open(session)
        )

    def work(self) -> None:
        """Judge all there is, or a good deal of it: whoever asks wants to be asked whether it still may."""
        for _ in range(MOST_PASSES):
            if not self.step():
                return

    def step(self) -> bool:
        """Judge a part of what has arrived; whether there is more."""
        found = self._look()
        self._reached("judged")
        try:
            kept = self._write(found)
        except _MovedError:
            self._stored = -1
            return True
        if kept:
            self._stored, self._kept_ms = found.upto, found.now_ms
            self._reached("kept")
        self._seen = found.upto
        return not found.head

    def _look(self) -> _Pass:
        with self._database.read(EVERY_ORGANIZATION) as session:
            stored = read_cursor(session)
        if stored != self._stored:
            self._stored = self._seen = stored
        store = self._database.telemetry
        with store.read(EVERY_ORGANIZATION) as events:
            now_ms = store.now_ms(events)
            head = read_head(events).events  # before the rules: a rule that is made now judges what comes now
            first_ms = first_after(events, self._seen)
        self._reached("read")
        with self._database.read(EVERY_ORGANIZATION) as session:
            ground = self._ground = ground_of(session, self._ground, now_ms if first_ms is None else first_ms)
        with store.read(EVERY_ORGANIZATION) as events:  # anew: issues whose alerts were joined by now are one here too
            facts = _facts_of_open(events, ground)
            merged = joinings(ground.opened.values(), _by_issue(ground), facts)
            if merged:  # first of all: what they are open of decides who is told of what follows
                return _Pass(ground, self._seen, False, now_ms, [], [], merged)
            returned = list(_came_back(ground, facts))
            if returned:  # their alerts end before the events are judged that are news now
                return _Pass(ground, self._seen, False, now_ms, [], returned)
            start = self._start(events, ground, head)
            upto = min(head, start + MOST_EVENTS)
            fires = sorted(self._fires(events, ground, start, upto), key=lambda fire: (fire.seq, fire.rule.id))
            fires = _within_bounds(fires, ground)
            if len(fires) > MOST_FIRES:
                upto = fires[MOST_FIRES - 1].seq
                fires = [fire for fire in fires if fire.seq <= upto]
            fires = [replace(fire, issue=with_first_release(events, fire.issue)) for fire in fires]
            found = _Pass(ground, upto, upto == head, now_ms, fires, [])
            if found.head and ground.opened:
                found.closings = list(self._closings(events, found, facts))
        return found

    def _start(self, events: Session, ground: Ground, head: int) -> int:
        """Up to where there is nothing to judge, or all is judged: no rule looks at what came before it was made."""
        if not ground.rules:
            return head
        oldest_ms = min(rule.followed.since_ms for rule in ground.rules)
        return min(head, max(self._seen, events_before(events, oldest_ms)))

    def _fires(self, events: Session, ground: Ground, start: int, upto: int) -> Iterator[Fire]:
        if start >= upto:
            return
        for rule in ground.rules:
            arrived = arrived_between(events, rule.followed, start, upto)
            facts = facts_of_issues(events, sorted({event.issue for event in arrived}))
            groups: dict[str, list[Arrived]] = {}
            for event in arrived:
                if event.issue in facts:
                    groups.setdefault(event.key or facts[event.issue].fingerprint, []).append(event)
            for key, members in groups.items():
                yield from _fires_of_group(events, ground, rule, key, members, facts)

    def _closings(self, events: Session, found: _Pass, facts: Mapping[int, IssueFacts]) -> Iterator[Closing]:
        """Open alerts whose issue (`facts`) somebody has settled, or that nothing has been heard of for a whole
        window."""
        rules = {rule.id: rule for rule in found.ground.rules}
        fired = {(fire.rule.id, fire.key) for fire in found.fires}
        opened = [
            group for place, group in found.ground.opened.items() if place not in fired and group.rule_id in rules
        ]
        self._look_at = {group.id: self._look_at[group.id] for group in opened if group.id in self._look_at}
        for group in opened:
            rule, issue = rules[group.rule_id], facts.get(issue_number(group.issue_id or "") or 0)
            if rule.rule.group_by == FINGERPRINT and issue is not None and issue.status != OPEN:
                yield Closing(group, f"its issue is {issue.status}", settled=True)
            elif self._silent_since(events, rule, group, issue, found):
                yield Closing(group, f"no such event for {rule.rule.window}")

    def _silent_since(
        self, events: Session, rule: RuleInForce, group: OpenGroup, issue: IssueFacts | None, found: _Pass
    ) -> bool:
        """Whether a window has passed since the last event of a group. It is asked when that may be so, no sooner."""
        settled_ms = found.now_ms - SETTLED_MS
        if self._look_at.get(group.id, 0) > settled_ms:
            return False
        of = standing_for(events, [issue.number]) if rule.rule.group_by == FINGERPRINT and issue else group.group_key
        since_ms = settled_ms - rule.rule.window_ms
        heard = times_before(events, rule.followed, of, found.upto, since_ms, 1)
        if not heard:
            return True
        self._look_at[group.id] = heard[-1] + rule.rule.window_ms
        return False

    def _write(self, found: _Pass) -> bool:
        """Whether the number was kept, with all that came of it."""
        something = bool(found.fires or found.closings or found.joinings)
        overdue = found.now_ms - self._kept_ms >= KEEP_EVERY_MS or found.upto - self._stored >= MOST_EVENTS
        if not something and (found.upto == self._stored or not overdue):
            return False
        urgency = Urgency.RESULTS if something else Urgency.HOUSEKEEPING
        with self._database.write(EVERY_ORGANIZATION, urgency) as session:
            if something and not is_sqlite(session):  # nobody edits them until this is told
                hold_rules(session, {rule.id for rule in found.ground.rules})
            if alerting_number(session) != found.ground.number or not advance_cursor(session, self._stored, found.upto):
                raise _MovedError
            now_ms = self._database.now_ms(session)
            join_alerts(session, found.joinings, now_ms)
            raise_alerts(session, found.fires, now_ms)
            close_groups(session, found.closings, now_ms)
            self._reached("written")
        return True


def _facts_of_open(events: Session, ground: Ground) -> dict[int, IssueFacts]:
    """Of the issues that open alerts are about, by the numbers that these name them by."""
    numbers = {issue_number(group.issue_id or "") for group in ground.opened.values()}
    return facts_of_issues(events, sorted(number for number in numbers if number is not None))


def _came_back(ground: Ground, facts: Mapping[int, IssueFacts]) -> Iterator[Closing]:
    """Open alerts whose issue was resolved and has come back already, so soon that nobody saw it resolved."""
    by_issue = _by_issue(ground)
    for group in ground.opened.values():
        issue = facts.get(issue_number(group.issue_id or "") or 0)
        if group.rule_id in by_issue and issue is not None and (issue.regressed_ms or 0) > group.triggered_ms:
            yield Closing(group, "its issue was resolved, and has come back", settled=True)


def _by_issue(ground: Ground) -> set[str]:
    """The rules that tell issues apart."""
    return {rule.id for rule in ground.rules if rule.rule.group_by == FINGERPRINT}


def _fires_of_group(
    events: Session,
    ground: Ground,
    rule: RuleInForce,
    key: str,
    members: Sequence[Arrived],
    facts: dict[int, IssueFacts],
) -> Iterator[Fire]:
    opened = ground.opened.get((rule.id, key))
    if opened is not None and not _goes_on(opened, rule):
        return
    if rule.rule.group_by == FINGERPRINT and facts[members[-1].issue].status != OPEN:
        return
    of: str | list[int] = key
    if rule.rule.group_by == FINGERPRINT:
        of = standing_for(events, sorted({facts[event.issue].number for event in members}))
    definition, around = rule.rule, ground.around(rule)
    since_ms = members[0].at_ms - definition.window_ms
    places = firings(
        times_before(events, rule.followed, of, members[0].seq - 1, since_ms, definition.threshold - 1),
        [event.at_ms for event in members],
        threshold=definition.threshold,
        window_ms=definition.window_ms,
        cooldown_ms=definition.cooldown_ms,
        quiet_until_ms=ground.quiet.get((rule.id, key), 0),
        may=lambda at_ms: around.window_at(rule.project.id, (), at_ms) is None,
    )
    for place in places if definition.cooldown_ms else places[:1]:
        event = members[place]
        count = count_before(events, rule.followed, of, event.seq, event.at_ms - definition.window_ms)
        yield Fire(rule, key, event.seq, event.at_ms, count, facts[event.issue], opened)


def _goes_on(opened: OpenGroup, rule: RuleInForce) -> bool:
    """Whether an alert that is open is told of again after its rule's cooldown: while nobody has it, and everybody who
    should knows."""
    return opened.status == "triggered" and opened.told_ms is not None and rule.rule.cooldown_ms > 0


def _within_bounds(fires: Sequence[Fire], ground: Ground) -> list[Fire]:
    """Without those that would open more alerts of a rule than it may have."""
    opened = Counter(group.rule_id for group in ground.opened.values())
    known = set(ground.opened)
    kept = []
    for fire in fires:
        place = (fire.rule.id, fire.key)
        if place not in known:
            if opened[fire.rule.id] >= MOST_OPEN:
                continue
            opened[fire.rule.id] += 1
            known.add(place)
        kept.append(fire)
    return kept

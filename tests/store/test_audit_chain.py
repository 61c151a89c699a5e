"""Whatever is done to the audit log past Tracer is found: events changed, added, taken out, moved, the end cut off."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store.audit import Target, note
from store.audit_chain import START, Sign, faults, seal_event, seal_head
from store.audit_pruning import prune
from store.audit_tables import AuditEvent
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.conftest import KEYRING, Clock
from tests.store.auditing import actions, tamper, verified

SIGN = KEYRING.signature
TRIES = 10_000
LENGTH = 12
FIELDS = [column.key for column in AuditEvent.__table__.columns]
OTHER_SIGN = lambda purpose, text: KEYRING.signature(purpose, text + " ")  # noqa: E731 - one that has another key


@dataclass(frozen=True)
class Event:
    organization_id: str
    number: int
    id: str
    at_ms: int
    actor_kind: str
    actor_id: str | None
    actor_name: str
    address: str | None
    request_id: str | None
    action: str
    target_kind: str
    target_id: str | None
    target_name: str
    before: str | None
    after: str | None
    chain: str = ""


@dataclass(frozen=True)
class Head:
    organization_id: str
    number: int
    chain: str
    base_number: int = 0
    base_chain: str = START
    seal: str = ""


def headed(sign: Sign, organization_id: str, log: list[Event], **ends: Any) -> Head:
    """The record of a log's ends, sealed."""
    last = log[-1].chain if log else START
    head = Head(organization_id, len(log), last, **ends)
    return replace(head, seal=seal_head(sign, head))


def written(organization_id: str = "org_1", length: int = LENGTH) -> tuple[list[Event], Head]:
    """A log as Tracer writes it."""
    chain, log = START, []
    for number in range(1, length + 1):
        event = Event(
            organization_id, number, f"aud_{organization_id}_{number}", 1_705_314_600_000 + number, "key", "key_1",
            "Ann", "203.0.113.7", f"req_{number}", "monitor.updated", "monitor", "mon_1", "API", '{"interval":60}',
            '{"interval":30}',
        )  # fmt: skip
        chain = seal_event(SIGN, chain, event)
        log.append(replace(event, chain=chain))
    return log, headed(SIGN, organization_id, log)


LOG, HEAD = written()
OTHERS, OTHERS_HEAD = written("org_2")
Tampered = tuple[list[Event], Head | None]
Deed = Callable[[random.Random, list[Event]], Tampered]


def changed_field(dice: random.Random, log: list[Event]) -> Tampered:
    at, name = dice.randrange(len(log)), dice.choice(FIELDS)
    old = getattr(log[at], name)
    new: Any = old + dice.choice([1, -1, 1_000]) if isinstance(old, int) else dice.choice([None, "", "x", f"{old} "])
    log[at] = replace(
        log[at], **{name: new if name in ("actor_id", "address", "before", "after") or new is not None else "x"}
    )
    return log, HEAD


def deleted(dice: random.Random, log: list[Event]) -> Tampered:
    first = dice.randrange(len(log))
    del log[first : first + dice.randint(1, 4)]
    return log, HEAD


def deleted_and_renumbered(dice: random.Random, log: list[Event]) -> Tampered:
    del log[dice.randrange(len(log))]
    return [replace(event, number=at) for at, event in enumerate(log, 1)], HEAD


def cut_off(dice: random.Random, log: list[Event]) -> Tampered:
    """The end goes, and the head says so: but its seal can't be made."""
    kept = log[: dice.randrange(len(log))]
    forged = headed(OTHER_SIGN, "org_1", kept)
    return kept, replace(forged, seal=dice.choice([HEAD.seal, OTHERS_HEAD.seal, forged.chain, forged.seal]))


def pruned(dice: random.Random, log: list[Event]) -> Tampered:
    """The beginning goes, as if the operator had pruned it."""
    count = dice.randint(1, len(log))
    forged = replace(HEAD, base_number=count, base_chain=log[count - 1].chain)
    return log[count:], replace(forged, seal=dice.choice([HEAD.seal, seal_head(OTHER_SIGN, forged)]))


def without_head(dice: random.Random, log: list[Event]) -> Tampered:
    return log[: dice.randint(0, len(log))], None


def swapped(dice: random.Random, log: list[Event]) -> Tampered:
    one, two = dice.sample(range(len(log)), 2)
    first, second = log[one], log[two]
    log[one], log[two] = replace(second, number=first.number), replace(first, number=second.number)
    return log, HEAD


def another_organizations(dice: random.Random, log: list[Event]) -> Tampered:
    at = dice.randrange(len(log))
    log[at] = replace(OTHERS[at], organization_id=dice.choice(["org_1", "org_2"]))
    return log, HEAD


def added(dice: random.Random, log: list[Event]) -> Tampered:
    """One more at the end, sealed by somebody without the key; the head follows."""
    event = replace(log[-1], number=len(log) + 1, id="aud_forged", actor_name="Bob")
    chain = dice.choice([log[-1].chain, seal_event(OTHER_SIGN, log[-1].chain, event)])
    log.append(replace(event, chain=chain))
    return log, dice.choice([HEAD, headed(OTHER_SIGN, "org_1", log)])


def sealed_anew(dice: random.Random, log: list[Event]) -> Tampered:
    """All of it written again with other words, by somebody without the key."""
    chain, forged = START, []
    for event in log:
        event = replace(event, actor_name="Bob")
        chain = seal_event(OTHER_SIGN, chain, event)
        forged.append(replace(event, chain=chain))
    return forged, dice.choice([HEAD, headed(OTHER_SIGN, "org_1", forged)])


DEEDS: list[Deed] = [
    changed_field, deleted, deleted_and_renumbered, cut_off, pruned, without_head, swapped, another_organizations,
    added, sealed_anew,
]  # fmt: skip


def test_a_log_that_nobody_touched_has_no_fault() -> None:
    assert list(faults(SIGN, LOG, HEAD)) == []
    assert list(faults(SIGN, OTHERS, OTHERS_HEAD)) == []


def test_ten_thousand_deeds_are_all_found() -> None:
    dice = random.Random(1)
    tried = found = 0
    while tried < TRIES:
        deed = DEEDS[tried % len(DEEDS)]
        log, head = deed(dice, list(LOG))
        if (log, head) == (LOG, HEAD):
            continue
        tried += 1
        found += bool(list(faults(SIGN, log, head)))
        assert found == tried, (deed.__name__, log, head)
    print(f"\naudit log: {tried} edits and deletions tried, {found} found")


def test_a_fault_says_where() -> None:
    without_five = [event for event in LOG if event.number not in (5, 6)]
    assert list(faults(SIGN, without_five, HEAD)) == ["events 5 to 6 are missing"]
    edited = [replace(event, actor_name="Bob") if event.number == 3 else event for event in LOG]
    assert list(faults(SIGN, edited, HEAD)) == ["event 3 (aud_org_1_3) is not as it was written"]
    assert list(faults(SIGN, LOG[:-1], HEAD)) == ["event 12 is missing at the end"]
    assert list(faults(SIGN, LOG, None)) == ["the end of the log is not recorded: it was taken away"]


@pytest.fixture
def log(database: Database, organization: str) -> str:
    """An organization whose log has five events."""
    for number in range(4):
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            target = Target("test", f"tst_{number}", "ä \u2028 \"quoted\" \\ 'x'")
            note(session, organization, "test.done", target, after={"n": 1e16, "m": 0.1, "deep": [{"x": None}]})
    return organization


def test_what_the_store_gives_back_is_what_was_sealed(database: Database, log: str) -> None:
    [verdict] = verified(database)
    assert (verdict.organization_id, verdict.events, verdict.faults) == (log, 5, [])


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_events SET actor_name = 'Bob' WHERE number = 3", "event 3 .* is not as it was written"),
        ("UPDATE audit_events SET after = '{}' WHERE number = 2", "event 2 .* is not as it was written"),
        ("UPDATE audit_events SET at_ms = at_ms + 1 WHERE number = 5", "event 5 .* is not as it was written"),
        ("DELETE FROM audit_events WHERE number = 2", "event 2 is missing"),
        ("DELETE FROM audit_events WHERE number >= 4", "events 4 to 5 are missing at the end"),
        ("DELETE FROM audit_events", "events 1 to 5 are missing at the end"),
        ("DELETE FROM audit_heads", "the end of the log is not recorded"),
        ("UPDATE audit_heads SET number = 4", "the record of the log's end is not as it was written"),
    ],
)
def test_what_is_done_in_the_database_is_found(database: Database, log: str, statement: str, fault: str) -> None:
    tamper(database, statement)
    [verdict] = verified(database)
    assert any(re.match(fault, said) for said in verdict.faults), verdict.faults


def test_what_the_operator_pruned_is_told_and_the_rest_still_verified(
    database: Database, log: str, clock: Clock
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        assert prune(session, SIGN, log, clock.now_ms) == 0
    clock.advance(60_000)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        note(session, log, "test.later", Target("test", None, "later"))
    for expected in (5, 0):
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            assert prune(session, SIGN, log, clock.now_ms) == expected
    [verdict] = verified(database)
    assert (verdict.events, verdict.faults) == (2, [])
    assert actions(database) == ["test.later", "audit.pruned"]
    clock.advance(60_000)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        assert prune(session, SIGN, log, clock.now_ms) == 2
    assert (actions(database), verified(database)[0].faults) == (["audit.pruned"], [])
    with pytest.raises(DBAPIError, match="the audit log is never changed"), database.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_events"))

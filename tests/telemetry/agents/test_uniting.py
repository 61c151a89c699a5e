"""Failures put into incidents: the same come about in whatever order, and however often one is told."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from store.incident_tables import Incident
from store.incidents import changes_of, get_incident
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.failures import Cluster
from telemetry.agents.handling import Handled, handle_incident
from telemetry.agents.uniting import NoSuchIncidentError, Placing, place_all
from tests.alerts.recording import T0
from tests.telemetry.agents.incidents import dump, put

A, B = Cluster("a" * 32, "A fails"), Cluster("b" * 32, "B fails")
LABELS = ("tool_loop", "retry_storm", "stall", "unhandled_error")


def failed(kind: str = "session", number: int = 1, cluster: Cluster | None = A, **given: object) -> Placing:
    """A failure at the second of its number."""
    member = "jny_1" if kind == "run" else f"{kind}_{number}"
    label = "" if kind == "alert" else "tool_loop"
    at_ms = T0 + number * 1000
    whole = {
        "kind": kind, "id": f"{kind}_{number}", "member": member, "cluster": cluster, "label": label, "first_ms": at_ms,
        "last_ms": at_ms + 500, **given,
    }  # fmt: skip
    return msgspec.convert(whole, Placing)


@st.composite
def failures(draw: st.DrawFn) -> list[Placing]:
    """Of two clusters: sessions, runs of two journeys, alerts; each failure once."""
    found = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["session", "run", "alert"]))
        label = "" if kind == "alert" else draw(st.sampled_from(LABELS))
        cluster, at_ms = draw(st.sampled_from([A, B])), T0 + draw(st.integers(0, 3)) * 1000
        member = draw(st.sampled_from(["jny_1", "jny_2"])) if kind == "run" else f"{kind}_{number}"
        found.append(
            failed(kind, number, cluster, label=label, member=member, first_ms=at_ms, last_ms=at_ms + number % 3)
        )
    return found


@given(data=st.data(), told=failures())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_any_repetition_come_to_the_same(
    database: Database, make_organization: Callable[[str], str], data: st.DataObject, told: list[Placing]
) -> None:
    one, other = make_organization("one"), make_organization("other")
    put(database, one, *told)
    again = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=5))]))
    cut = data.draw(st.integers(0, len(again)))
    put(database, other, *again[:cut])
    with database.write(other, Urgency.RESULTS) as session:  # the rest at once
        place_all(session, other, list({each.id: each for each in again[cut:]}.values()), T0)
    assert dump(database, one) == dump(database, other)
    assert sum(each["count"] for each in dump(database, one)) == len(told)


def test_a_check_that_goes_on_failing_is_one_member_that_counts(database: Database, organization: str) -> None:
    put(database, organization, *(failed("run", number) for number in (3, 1, 2, 3)))
    [found] = dump(database, organization)
    assert found["members"] == [("check", "jny_1", "tool_loop", 3, T0 + 1000, T0 + 3500, "run_3", False)]
    assert (found["count"], found["first_ms"], found["last_ms"]) == (3, T0 + 1000, T0 + 3500)


def test_members_have_a_say_in_the_label_and_alerts_have_none(database: Database, organization: str) -> None:
    put(database, organization, *(failed("alert", number) for number in range(3)))
    assert dump(database, organization)[0]["label"] == "unhandled_error"
    put(database, organization, *(failed("run", number, label="stall") for number in range(3)), failed(number=9))
    assert dump(database, organization)[0]["label"] == "tool_loop", "one member each, and the first of the registry"
    put(database, organization, failed("session", 10, label="stall"))
    [found] = dump(database, organization)
    assert (found["label"], found["tally"]) == ("stall", {"stall": 2, "tool_loop": 1})


def test_a_session_moves_with_a_newer_analysis_and_leaves_with_one_that_finds_nothing(
    database: Database, organization: str
) -> None:
    put(database, organization, failed(number=1, upto_seq=5), failed(number=2, upto_seq=5))
    [of_a] = put(database, organization, failed(number=3, upto_seq=5))
    [of_b] = put(database, organization, failed(number=3, cluster=B, upto_seq=9, label="stall"))
    assert of_a != of_b
    assert put(database, organization, failed(number=3, upto_seq=8)) == [of_b], "what knows less changes nothing"
    first, second = dump(database, organization)
    assert (first["count"], first["last_ms"], second["count"], second["label"]) == (2, T0 + 2500, 1, "stall")
    assert put(database, organization, failed(number=3, cluster=None, upto_seq=9)) == [None]
    first, second = dump(database, organization)
    assert (first["count"], second["count"], second["members"]) == (2, 0, [])
    assert (second["label"], second["last_ms"]) == ("stall", T0 + 3500), "as it was last"
    with database.read(organization) as session:
        history = [(each.kind, each.note) for each in changes_of(session, of_b or "")]
    assert history == [("opened", ""), ("emptied", "session session_3 shows it no more")]
    assert put(database, organization, failed(number=3, upto_seq=8)) == [None]


def test_a_run_that_turns_out_to_be_none_takes_its_count_along(database: Database, organization: str) -> None:
    put(database, organization, failed("run", 1, label="stall"), failed("run", 2), failed("run", 3))
    put(database, organization, failed("run", 3, cluster=None), failed("run", 2, cluster=None))
    [found] = dump(database, organization)
    assert found["members"] == [("check", "jny_1", "stall", 1, T0 + 1000, T0 + 1500, "run_1", False)]
    assert (found["count"], found["label"], found["last_ms"]) == (1, "stall", T0 + 1500)
    put(database, organization, failed("run", 1, cluster=None))
    assert dump(database, organization) == []


def handle(database: Database, organization: str, incident_id: str | None, status: str, at_ms: int) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        found = get_incident(session, incident_id or "", lock=True)
        assert found is not None
        handle_incident(session, found, Handled(status=status), by="Ada", was_owner=None, now_ms=at_ms)


@pytest.mark.parametrize("kind", ["session", "run", "alert"])
def test_what_fails_after_it_was_fixed_opens_it_again(database: Database, organization: str, kind: str) -> None:
    [incident] = put(database, organization, failed(kind, 1))
    handle(database, organization, incident, "fixed", T0 + 5_000)
    put(database, organization, failed(kind, 2), failed(kind, 1))
    assert dump(database, organization)[0]["status"] == "fixed", "that was before, and is told now"
    put(database, organization, failed(kind, 6), failed(kind, 6), now_ms=T0 + 7_000)
    assert dump(database, organization)[0]["status"] == "open"
    with database.read(organization) as session:
        history = [(each.kind, each.was, each.became, each.by) for each in changes_of(session, incident or "")]
    assert history == [
        ("opened", None, None, None), ("status", "open", "fixed", "Ada"), ("came_back", "fixed", "open", None),
    ]  # fmt: skip


def test_a_session_that_goes_on_failing_after_the_fix_comes_back_too(database: Database, organization: str) -> None:
    [incident] = put(database, organization, failed(upto_seq=5))
    handle(database, organization, incident, "fixed", T0 + 5_000)
    put(database, organization, failed(upto_seq=5))
    assert dump(database, organization)[0]["status"] == "fixed"
    put(database, organization, failed(upto_seq=8, last_ms=T0 + 6_000))
    assert [(each["status"], each["count"]) for each in dump(database, organization)] == [("open", 1)]


def test_what_is_ignored_stays_ignored_and_what_people_touched_stays(database: Database, organization: str) -> None:
    [incident] = put(database, organization, failed())
    handle(database, organization, incident, "ignored", T0 + 5_000)
    put(database, organization, failed(number=9), failed(number=9, cluster=B, upto_seq=2), failed(cluster=None))
    first = dump(database, organization)[0]
    assert (first["status"], first["count"], first["members"]) == ("ignored", 0, [])
    assert put(database, organization, failed(number=11)) == [incident]


def test_what_a_server_pinned_stays_until_it_says_otherwise(database: Database, organization: str) -> None:
    [_, of_b] = put(database, organization, failed(number=1), failed(number=2, cluster=B))
    assert put(database, organization, failed(number=1, pinned_to=of_b, unpinned=True, upto_seq=3)) == [of_b]
    assert put(database, organization, failed(number=1, upto_seq=7)) == [of_b]
    assert put(database, organization, failed(number=1, cluster=None, upto_seq=8)) == [of_b]
    assert put(database, organization, failed(number=1, cluster=None, unpinned=True, upto_seq=8)) == [None]
    [again] = put(database, organization, failed(number=1, upto_seq=8))
    assert again not in (None, of_b)
    with pytest.raises(NoSuchIncidentError):
        put(database, organization, failed(number=1, pinned_to="inc_0123456789", unpinned=True, upto_seq=9))


def test_each_organization_has_incidents_of_its_own(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    other = make_organization("Other")
    ours, theirs = put(database, organization, failed()), put(database, other, failed())
    assert ours != theirs
    with database.read(other) as session:
        assert list(session.scalars(select(Incident.id))) == theirs
    with pytest.raises(NoSuchIncidentError):
        put(database, other, failed(number=2, pinned_to=ours[0], unpinned=True))
    with database.read(EVERY_ORGANIZATION) as session:
        assert len(session.scalars(select(Incident)).all()) == 2

"""The one way a run ends (R8): whatever process learns the end of a run gives it to `record`.

One call is part of one write transaction of EVERY_ORGANIZATION, the caller's. It writes the runs, what shows how they
went, their counts by hour and day, the verdicts of their locations, gaps, closes dispatches, opens and resolves alerts
with the notices of them, tells incidents what failed, and counts what was used: all of it or nothing. Results may come
late, twice and in any order: what is stored in the end is the same. The number of statements does not grow with the
batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec
from sqlalchemy.orm import Session

from alerts.book import book_of
from alerts.judging import judge, mark_maintenance
from alerts.ledger import Known, Ledger
from model.finished import Finished
from model.outcome import RunStatus, Trigger
from model.protocol import Refusal
from store.announcements import announce
from store.artifacts import add_artifacts
from store.dispatch_ends import close_if_all_ended, count_ended_runs, lock_dispatches
from store.draft_tables import is_draft
from store.drafts import end_drafts
from store.gaps import OpenGap, gaps_by_id, gaps_since, write_gaps
from store.incident_failures import RUN, tell_failures
from store.location_states import Stream, StreamState, lock_states, write_stretches, write_verdicts
from store.rollups import add_to_rollups
from store.run_rows import insert_runs, overwrite_runs, remove_runs, stored_runs, unrun_after, verdict_since
from store.usage import add_usage
from store.version_schedules import schedules_of_versions
from store.walk_progress import forget_progress

__all__ = ["Finished", "record"]

_due = attrgetter("at_ms")
_json = msgspec.json.Encoder().encode


def record(session: Session, finished: Sequence[Finished], now_ms: int) -> list[Refusal]:
    """Store runs that have ended, once each; the caller has checked that each came from whom its dispatch was leased
    to. Returns those that can't be stored, with the reason; a run that is known already is not refused.

    A run that waited (queued, running) ends; a missed or unknown one is replaced by a measured result that came late;
    success, failed and cancelled stand. Locks: dispatches by id, then location states by (location, check id).
    The run of a draft (store/drafts.py) ends here too, and leaves nothing but its result and its use.
    """
    drafts = [done for done in finished if is_draft(done.check_id)]
    if not drafts:
        return _record(session, finished, now_ms)
    tried = end_drafts(session, drafts, now_ms)
    return _record(session, [done for done in finished if not is_draft(done.check_id)], now_ms, tried)


def _record(
    session: Session, finished: Sequence[Finished], now_ms: int, used_beside: Sequence[Finished] = ()
) -> list[Refusal]:
    """`used_beside`: what counts as used, too: usage is locked last, and once."""
    if not finished:
        add_usage(session, used_beside)
        return []
    ordered = sorted(finished, key=_due)
    book = book_of(session)
    mark_maintenance(session, book, ordered)
    lock_dispatches(session, {done.dispatch_id for done in ordered if done.dispatch_id is not None})
    known = _known(session, ordered)
    verdicts_before = {stream: state.status for stream, state in known.states.items()}
    ledger = Ledger(known, now_ms)
    for done in ordered:
        ledger.enter(done)
    doubles = insert_runs(session, ledger.inserts)
    if doubles:  # two runs of one slot under different ids: the first stands, and its batch is judged without the other
        remove_runs(session, [run_id for run_id in ledger.inserts if run_id not in doubles])
        rest = [done for done in ordered if done.run_id not in doubles]
        refused = [Refusal(run_id, "another run holds its slot") for run_id in doubles]
        return refused + _record(session, rest, now_ms, used_beside)
    overwrite_runs(session, ledger.overwrites)
    add_artifacts(session, ledger.entered, now_ms)
    forget_progress(session, [done.run_id for done in ledger.entered if done.check_id.startswith("jny_")])
    _settle(session, ledger, known.states)
    add_to_rollups(session, "rollups_hour", ledger.hours)
    add_to_rollups(session, "rollups_day", ledger.days)
    _write_states(session, ledger, known.states)
    write_gaps(session, ledger.gaps)
    count_ended_runs(session, ledger.ended, now_ms)
    if ledger.repeated:
        close_if_all_ended(session, ledger.repeated, now_ms)
    judge(session, book, ledger.entered, verdicts_before, known.states, now_ms)
    tell_failures(session, RUN, [_failure(done) for done in ledger.entered if _is_failed_journey(done)])
    add_usage(session, [*ledger.entered, *used_beside])
    _announce(session, ledger, known.states, verdicts_before)
    return ledger.refused


def _is_failed_journey(done: Finished) -> bool:
    """Whether it is for incidents to know of (telemetry/agents/told.py), as far as that can be said now."""
    judged = done.trigger is Trigger.SCHEDULE and not done.maintenance
    return done.status is RunStatus.FAILED and judged and done.check_id.startswith("jny_")


def _failure(done: Finished) -> tuple[str, str, str]:
    return done.organization_id, done.run_id, done.check_id


def _known(session: Session, ordered: Sequence[Finished]) -> Known:
    states = lock_states(session, {(done.check_id, done.location) for done in ordered})
    return Known(
        states=states,
        runs=stored_runs(session, [done.run_id for done in ordered]),
        gaps=_gaps(session, ordered, states),
        schedules=schedules_of_versions(
            session, {(done.check_id, done.check_version) for done in ordered if done.trigger is Trigger.SCHEDULE}
        ),
    )


def _gaps(
    session: Session, ordered: Sequence[Finished], states: dict[Stream, StreamState]
) -> dict[Stream, list[OpenGap]]:
    """The gaps that may hold slots of this batch. A stream has any only if its newest gap is still open, or for
    slots due before its newest measured run: so nearly always there is nothing to ask for."""
    suspects: set[str] = set()
    for done in ordered:
        state = states.get((done.check_id, done.location))
        if state is not None and (state.gap_id or (state.at_ms is not None and done.at_ms <= state.at_ms)):
            suspects.add(done.check_id)
    if not suspects:
        return {}
    found = gaps_by_id(session, [state.gap_id for state in states.values() if state.gap_id])
    found.update({gap.id: gap for gap in gaps_since(session, sorted(suspects), ordered[0].at_ms)})
    by_stream: dict[Stream, list[OpenGap]] = {}
    for gap in found.values():
        by_stream.setdefault((gap.check_id, gap.location), []).append(gap)
    return by_stream


def _settle(session: Session, ledger: Ledger, states: dict[Stream, StreamState]) -> None:
    """Ask the rows, once they are written, what a run out of its turn has changed."""
    for stream, from_ms in ledger.late.items():
        state = states[stream]
        if state.at_ms is not None and state.since_ms is not None and state.status is not None:
            since_ms = verdict_since(session, stream, RunStatus(state.status), from_ms, state.at_ms)
            state.since_ms = since_ms if since_ms is not None else min(state.since_ms, from_ms)
    for stream in ledger.resumed:
        state = states[stream]
        if state.gap_id is None and state.at_ms is not None:
            state.unrun_since_ms, state.unrun_slots = unrun_after(session, stream, state.at_ms)


def _write_states(session: Session, ledger: Ledger, states: dict[Stream, StreamState]) -> None:
    write_verdicts(session, [_verdict_row(ledger, states[stream], done) for stream, done in ledger.verdicts.items()])
    changed: Iterable[Stream] = (ledger.stretched | ledger.late.keys()) - ledger.verdicts.keys()
    write_stretches(session, [states[stream] for stream in changed])


def _announce(
    session: Session, ledger: Ledger, states: dict[Stream, StreamState], verdicts_before: dict[Stream, str | None]
) -> None:
    """Tell the listeners of each organization what has ended, and which of it turned the state of its location."""
    turned = {
        done.run_id
        for stream, done in ledger.verdicts.items()
        if (verdicts_before.get(stream), bool(states[stream].degraded)) != (done.status, done.degraded)
    }
    for done in ledger.entered:
        announce(session, done.organization_id, {"turned": done.run_id} if done.run_id in turned else done.run_id)


def _verdict_row(ledger: Ledger, state: StreamState, done: Finished) -> tuple[object, ...]:
    error = done.error
    return (
        done.status.value, done.degraded, state.since_ms, done.at_ms, ledger.fresh_until_ms(done), done.run_id,
        done.duration_ms, _json(done.metrics).decode(), _json(error).decode() if error is not None else None,
        state.unrun_since_ms, state.unrun_slots, state.gap_id, done.check_id, done.location,
    )  # fmt: skip

"""Trying out a monitor or a journey before it is saved: its definition is judged as saving would judge it, then run
once by a real probe. What it finds is shown for an hour to who may write, counts as used, and for nothing else."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from alerts.payload import target_of
from api.access import caller
from api.attempts import count_try
from api.check_requests import default_locations, find
from api.definitions import definition_of, merged, plain
from api.envelope import success
from api.errors import Conflict, Invalid, NotFound, RateLimited
from api.families import JOURNEY, JOURNEY_TYPE, Family
from api.run_shape import assertion_shape, error_shape, phases_shape, step_shapes, tidy
from api.services import services
from api.walk_shape import walk_detail
from model.definition import CheckDefinition
from model.errors import ErrorCode
from model.outcome import RunError, RunStatus
from model.secrets import split
from model.times import iso
from store.artifacts import artifacts_of_run
from store.audit import Target, note
from store.check_secrets import SecretWouldShowError, refuse_to_show, secrets_of
from store.dispatches import LONGEST_QUEUE_MS
from store.draft_tables import Draft
from store.drafts import (
    TAKEN_WITHIN_MS,
    Found,
    TooManyDraftsError,
    add_draft,
    draft_topic,
    found_of,
    get_draft,
)
from store.probes import online_locations
from store.sessions import EVERY_ORGANIZATION
from store.walk_progress import progress_of_run
from store.write_lock import Urgency

LONGEST_WAIT_S = 20
"""A request may wait so long for the result; the run itself goes on."""
_NAMELESS = "Draft"
_SCHEDULER_MS = 5_000
"""What the scheduler has time for to close what nobody took: afterwards that is said without it."""
_waiters = threading.BoundedSemaphore(4)
"""Requests that may wait at one time: half of the threads for those who change something. Others are told to look
again."""


def try_out(family: Family, document: dict[str, Any], location: str | None, check_id: str | None = None) -> Draft:
    """Have a draft run at a location, or at its first. `check_id`: the check that it would change, whose secrets it
    keeps where they are masked. Raises Invalid, NotFound, Conflict, RateLimited."""
    state, organization_id = services(), caller().organization_id
    with state.database.read(organization_id) as session:
        definition = judged(family, session, {"name": _NAMELESS, **document}, check_id)
        now_ms = state.database.now_ms(session)
        online = online_locations(session, now_ms)
        able = online_locations(session, now_ms, capability="browser") if family is JOURNEY else online
    if definition.kind == "heartbeat":
        raise Conflict("A heartbeat is not run: it waits for a ping")
    at = location or (definition.locations or ("",))[0]
    if at not in able:
        lacks = "has a browser" if at in online else "is online now"
        raise Conflict(f"No probe of the location {at} {lacks}, so nobody can try it there")
    count_try(organization_id)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        try:
            draft = add_draft(session, state.keyring, organization_id, definition, at, now_ms)
        except TooManyDraftsError:
            raise RateLimited("As many drafts as may be are being tried out: wait for one to end", 5) from None
        asked = {"type": definition.type, "target": target_of(plain(definition)), "location": at}
        target = Target(family.noun, check_id, definition.name)
        note(session, organization_id, f"{family.noun}.tried", target, after=asked)
    return draft


def judged(family: Family, session: Session, document: dict[str, Any], check_id: str | None) -> CheckDefinition:
    """The definition as saving it would judge it, secrets in place. Raises Invalid, NotFound."""
    state = services()
    defaults = default_locations(session, caller().organization_id)
    if check_id is None:
        return definition_of(document, defaults, family=family)
    check = find(family, session, check_id)
    secrets = secrets_of(state.keyring, check)
    definition = merged(check.definition, secrets, document, defaults)
    try:
        refuse_to_show(secrets, split(plain(definition))[0])
    except SecretWouldShowError as error:
        raise Invalid({path: ["is stored as a secret: give a new value"] for path in error.paths}) from None
    return definition


def tried(draft_id: str, wait_s: float = 0, *, of: Family | None = None) -> Draft:
    """A draft as it is, once it has ended or so long from now. `of`: only one of this family. NotFound."""
    state, organization_id = services(), caller().organization_id
    woken = threading.Event()
    waits = wait_s > 0 and _waiters.acquire(blocking=False)
    unsubscribe = state.database.wakeups.subscribe(draft_topic(organization_id), woken.set)
    ends_at = time.monotonic() + (min(wait_s, LONGEST_WAIT_S) if waits else 0)
    try:
        while True:
            woken.clear()
            with state.database.read(organization_id) as session:
                now_ms = state.database.now_ms(session)
                draft = get_draft(session, draft_id, now_ms)
            if draft is None or (of is not None and draft.type not in of.types):
                raise NotFound("There is no such draft, or it was tried out more than an hour ago")
            left_s = ends_at - time.monotonic()
            if left_s <= 0 or verdict_of(draft, now_ms)[0].terminal:
                return draft
            woken.wait(min(left_s, 1.0))
    finally:
        unsubscribe()
        if waits:
            _waiters.release()


def verdict_of(draft: Draft, now_ms: int) -> tuple[RunStatus, RunError | None]:
    """How it ended, and why not well. What nobody ended has ended when nobody can any more."""
    status = RunStatus(draft.status)
    waits_ms = LONGEST_QUEUE_MS if draft.type == JOURNEY_TYPE else TAKEN_WITHIN_MS
    if status is RunStatus.QUEUED and now_ms > draft.created_ms + waits_ms + _SCHEDULER_MS:
        return RunStatus.UNKNOWN, RunError(ErrorCode.NO_PROBE, f"no probe at {draft.location} took this in time")
    if status is RunStatus.RUNNING and now_ms > draft.give_up_ms:
        return RunStatus.UNKNOWN, RunError(
            ErrorCode.PROBE_LOST, f"the probe at {draft.location} that took this never reported a result"
        )
    return status, found_of(draft).error


def answer_draft(draft: Draft, unfinished: int = 200) -> Response:
    """A draft as REST answers with it. `unfinished`: the status of one that has not ended."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        now_ms = state.database.now_ms(session)
        of_journey = draft.type == JOURNEY_TYPE
        shape = journey_draft_shape(session, draft, now_ms) if of_journey else draft_shape(draft, now_ms)
    return success(shape, 200 if shape["status"].terminal else unfinished, no_store=True)


def journey_draft_shape(session: Session, draft: Draft, now_ms: int) -> dict[str, Any]:
    """A draft of a journey as the API shows it: with its steps, or how far it has come."""
    steps = step_shapes(found_of(draft).steps, artifacts_of_run(session, draft.run_id))
    walk = walk_detail(progress_of_run(session, draft.run_id))
    whole = draft_shape(draft, now_ms)
    del whole["assertions"], whole["response"]
    return {**whole, "steps": steps, "progress": walk}


def draft_shape(draft: Draft, now_ms: int) -> dict[str, Any]:
    """A draft of a monitor as the API shows it."""
    found: Found = found_of(draft)
    status, error = verdict_of(draft, now_ms)
    return {
        "id": draft.id,
        "type": draft.type,
        "status": status,
        "location": draft.location,
        "queued_at": iso(draft.created_ms),
        "started_at": iso(found.started_ms),
        "completed_at": iso(found.completed_ms),
        "expires_at": iso(draft.expires_ms),
        "duration_ms": tidy(found.duration_ms),
        "degraded": found.degraded,
        "metrics": phases_shape(found.metrics),
        "error": error_shape(error),
        "probe_id": found.probe_id,
        "assertions": [assertion_shape(result) for result in found.assertions],
        "response": found.response,
    }

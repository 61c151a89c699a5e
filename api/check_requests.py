"""What monitors and journeys have in common: make, list, show, change, delete; ask for runs by hand.

api/monitors.py and api/journeys.py declare the paths; each hands its family to these.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from alerts.edits import after_check_delete, after_check_edit
from api.access import caller
from api.check_reading import shown_checks
from api.definitions import definition_of, merged
from api.dependencies import refuse_bad_dependencies
from api.envelope import success
from api.errors import Conflict, Invalid, no_such
from api.families import Family
from api.paging import Page, page_meta
from api.plan_limits import refuse_one_more
from api.services import services
from api.warnings import warnings_for
from model.fields import MAX_NAME
from model.outcome import Trigger
from store.by_hand import ask_for_runs, lock_check_of
from store.check_secrets import SecretWouldShowError, secrets_of, whole_definition
from store.checks import create_check, delete_check, get_check, list_checks, update_check
from store.organizations import get_organization
from store.sessions import EVERY_ORGANIZATION
from store.tables import Check
from store.write_lock import Urgency


def find(family: Family, session: Session, check_id: str, *, lock: bool = False) -> Check:
    """A check of the family that the session may see. NotFound. `lock`: nobody else edits it meanwhile."""
    check = get_check(session, check_id, lock=lock)
    if check is None or not family.holds(check):
        raise no_such(family.noun, check_id)
    return check


def listed(family: Family, page: Page, **wanted: Any) -> Response:
    """A page of them. `wanted`: filters of store.checks.list_checks."""
    with services().database.read(caller().organization_id) as session:
        found, total = list_checks(session, kinds=family.kinds, page=(page.offset, page.per_page), **wanted)
        shown = shown_checks(session, found)
    return success(shown, meta=page_meta(page, total))


def made(family: Family, document: dict[str, Any]) -> Response:
    """A new one, 201."""
    state, organization_id = services(), caller().organization_id
    with state.database.read(organization_id) as session:
        defaults = default_locations(session, organization_id)
    definition = definition_of(document, defaults, family=family)
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        if family.limit is not None:
            refuse_one_more(session, organization_id, family.limit, family.kinds)
        refuse_bad_dependencies(session, None, definition)
        check = create_check(session, state.keyring, organization_id, definition, state.database.now_ms(session))
        return _answer(session, check, 201)


def cloned(family: Family, check_id: str) -> dict[str, Any]:
    """A copy of one, paused, with its secrets. Raises what `made` raises."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        check = find(family, session, check_id)
        whole = {name: value for name, value in whole_definition(state.keyring, check).items() if value is not None}
        if check.kind != "heartbeat":
            whole["locations"] = list(check.locations)
        whole |= {"name": f"{check.name[: MAX_NAME - 7]} (copy)", "status": "paused"}
    whole.pop("muted_until", None)
    copy: dict[str, Any] = made(family, whole).get_json()["data"]
    return copy


def shown(family: Family, check_id: str) -> Response:
    """One, with its health and figures."""
    with services().database.read(caller().organization_id) as session:
        return _answer(session, find(family, session, check_id))


def changed(family: Family, check_id: str, change: dict[str, Any]) -> Response:
    """One, after a change to its definition."""
    state, organization_id = services(), caller().organization_id
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        check = find(family, session, check_id, lock=True)
        old = check.definition
        defaults = default_locations(session, organization_id)
        definition = merged(old, secrets_of(state.keyring, check), change, defaults)
        refuse_bad_dependencies(session, check.id, definition, old.get("depends_on") or ())
        try:
            if update_check(session, state.keyring, check, definition, now_ms):
                after_check_edit(session, check, old, now_ms)
        except SecretWouldShowError as error:
            raise Invalid({path: ["is stored as a secret: give a new value"] for path in error.paths}) from None
        shown = _answer(session, check)
    state.public_pages.forget()  # its name, or whether it has badges
    return shown


def deleted(family: Family, check_id: str) -> Response:
    """Gone from lists; its runs stay for their time."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        check = find(family, session, check_id, lock=True)
        delete_check(session, check, now_ms)
        after_check_delete(session, check, now_ms)
    state.public_pages.forget()
    return success({"id": check_id, "deleted": True})


def run_by_hand(family: Family, check_id: str, wanted: Sequence[str] | None) -> Response:
    """A run at each of these locations, or at all of the check's: 202."""
    state, organization_id = services(), caller().organization_id
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        check = lock_check_of(session, organization_id, check_id)
        if check is None or not family.holds(check):
            raise no_such(family.noun, check_id)
        if check.kind == "heartbeat":
            raise Conflict("A heartbeat is not run: it waits for a ping")
        locations = list(dict.fromkeys(wanted or check.locations))
        refuse_elsewhere(locations, check.locations, f"is not a location of this {family.noun}")
        asked = ask_for_runs(session, check, locations, Trigger.MANUAL, state.database.now_ms(session))
    data = {
        "run_id": asked[0].run_id,
        "status": "queued",
        "locations": locations,
        "runs": [{"run_id": run.run_id, "location": run.location} for run in asked],
    }
    return success(data, 202)


def refuse_elsewhere(wanted: Sequence[str], there: Collection[str], said: str) -> None:
    """Invalid when one of the locations asked for is not among those that there are."""
    elsewhere = [location for location in wanted if location not in there]
    if elsewhere:
        raise Invalid({"locations": [f"{elsewhere[0]!r} {said}"]})


def default_locations(session: Session, organization_id: str) -> list[str]:
    """Where checks run that name no locations."""
    organization = get_organization(session, organization_id)
    return list(organization.default_locations) if organization is not None else []


def _answer(session: Session, check: Check, status: int = 200) -> Response:
    [shape] = shown_checks(session, [check])
    return success(shape, status, warnings=warnings_for(session, check))

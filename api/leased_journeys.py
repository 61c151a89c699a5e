"""What a probe is given beside a definition: of a journey, the organization's variables it uses; what a batch, or who
tries out a draft, asks of single runs. Secrets: for the probe's memory, no more of them than these runs need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from journeys.variables import names_in
from model.outcome import Trigger
from model.protocol import TRIED_BODY_BYTES, RunOverrides
from store.batches import overrides_of
from store.claims import Claimed
from store.draft_tables import is_draft
from store.keyring import Keyring
from store.leased_checks import LeasedDefinition
from store.variables import variables_of


def with_variables(session: Session, keyring: Keyring, leased: LeasedDefinition) -> bytes:
    """The definition with the organization's variables that its steps use; the journey's own come before them."""
    if leased.kind != "browser":
        return leased.definition
    whole: dict[str, Any] = msgspec.json.decode(leased.definition, type=dict[str, Any])
    own = whole.get("variables") or {}
    missing = set(names_in(whole.get("steps"))) - own.keys()
    shared = variables_of(session, keyring, leased.organization_id, sorted(missing)) if missing else {}
    return msgspec.json.encode({**whole, "variables": {**shared, **own}}) if shared else leased.definition


def asked_of_runs(session: Session, keyring: Keyring, batches: Sequence[Claimed]) -> dict[str, RunOverrides]:
    """By run id, what was asked of it beyond its definition."""
    by_ci = [planned[0] for claimed in batches for planned in claimed.runs if planned[4] == Trigger.CI.value]
    asked = overrides_of(session, keyring, by_ci) if by_ci else {}
    for claimed in batches:
        for run_id, check_id, *_, trigger in claimed.runs:
            if trigger == Trigger.MANUAL.value:
                shown = TRIED_BODY_BYTES if is_draft(check_id) else 0
                asked[run_id] = RunOverrides(body_bytes=shown, picture_of_each_step=True)
    return asked

"""What the one walk of a draft found, for the editor: how far it is, then how each step went, with its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from api.pages.found import verdict_in_words
from api.pages.walked import Walked, walked_draft
from api.pages.walking import Walking, walking
from api.trying import verdict_of
from store.draft_tables import Draft
from store.drafts import found_of


@dataclass(frozen=True)
class FoundByWalking:
    """`css`, `word`: the verdict. `waits`: nobody has ended it yet; `walking`: what a probe has told of it so far."""

    draft_id: str
    location: str
    css: str
    word: str
    waits: bool
    error: str
    duration_ms: float | None
    walking: Walking | None
    walked: Walked | None


def found_in(session: Session, draft: Draft, steps: Sequence[Mapping[str, Any]], now_ms: int) -> FoundByWalking:
    """Of a draft that was tried out. `steps`: as the editor has them now."""
    found = found_of(draft)
    status, error = verdict_of(draft, now_ms)
    css, word = verdict_in_words(status, degraded=found.degraded)
    return FoundByWalking(
        draft_id=draft.id,
        location=draft.location,
        css=css,
        word=word,
        waits=not status.terminal,
        error="" if error is None else error.message,
        duration_ms=found.duration_ms,
        walking=None if status.terminal else walking(session, draft.run_id, steps),
        walked=walked_draft(session, draft, steps),
    )

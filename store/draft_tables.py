"""The table of drafts. Part of store/tables.py, where the conventions stand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Json, Ms, Scoped

_PREFIX = "try"


def is_draft(check_id: str) -> bool:
    """Whether this stands for a draft where else a check's id does: in dispatches, leases and results."""
    return check_id.startswith(f"{_PREFIX}_")


class Draft(Scoped, Base):
    """A definition that somebody tries out, and the one run of it. It is no check: no list shows it, nothing is counted
    for it but usage, nobody is told, and an hour later it is gone. `definition` and `secrets` as a check has them, for
    as long as a probe may need them; `result`: what the run found (store.drafts.Found), once it has ended."""

    __tablename__ = "drafts"
    __table_args__ = (
        Index("ix_drafts_organization", "organization_id", "created_ms"),
        Index("ix_drafts_expires", "expires_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    type: Mapped[str] = mapped_column(String(20))
    location: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(10))
    definition: Mapped[dict[str, Any] | None] = mapped_column(Json)
    secrets: Mapped[bytes | None] = mapped_column(LargeBinary)
    result: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_ms: Mapped[int] = mapped_column(Ms)
    give_up_ms: Mapped[int] = mapped_column(Ms)
    expires_ms: Mapped[int] = mapped_column(Ms)

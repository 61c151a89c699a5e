"""What every table is made of: the declarative base, the two column types, and the mixin of rows with an owner."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Ms = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    pass


class Scoped:
    """Mixin: rows of one organization."""

    organization_id: Mapped[str] = mapped_column(String(40), ForeignKey("organizations.id", ondelete="CASCADE"))

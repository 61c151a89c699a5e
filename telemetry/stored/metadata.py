"""What the tables of the telemetry store are made of."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

METADATA = MetaData()
Number = BigInteger().with_variant(Integer(), "sqlite")

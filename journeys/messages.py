"""What a pool says to its children: one order a line. What they answer is model/outcome.py and model/evidence.py."""

from __future__ import annotations

import msgspec

from model.protocol import RunOverrides


class Order(msgspec.Struct, omit_defaults=True):
    """One journey to walk. `definition` has its secrets in place; `folder`: where its files go, named by their sha256;
    `timeout_s`: from its arrival."""

    run_id: str
    definition: msgspec.Raw
    folder: str
    timeout_s: float
    overrides: RunOverrides | None = None

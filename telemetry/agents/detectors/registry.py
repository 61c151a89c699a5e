"""Every detector there is, causes before what they bring about: a new one is its file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telemetry.agents.detectors import (
    context_overflow,
    cost_spike,
    no_progress,
    premature_end,
    retry_storm,
    stall,
    tool_error_ignored,
    tool_loop,
    unhandled_error,
    unknown_tool,
)
from telemetry.agents.detectors.base import Detector

DETECTORS: Final[tuple[Detector, ...]] = (
    unknown_tool.DETECTOR,
    context_overflow.DETECTOR,
    tool_error_ignored.DETECTOR,
    retry_storm.DETECTOR,
    tool_loop.DETECTOR,
    no_progress.DETECTOR,
    cost_spike.DETECTOR,
    stall.DETECTOR,
    unhandled_error.DETECTOR,
    premature_end.DETECTOR,
)
LABELS: Final[tuple[str, ...]] = tuple(detector.label for detector in DETECTORS)
PLANS: Final[Mapping[str, tuple[str, ...]]] = {detector.label: detector.plan for detector in DETECTORS}
VERSION: Final = 4
"""Of all that they find: one more whenever the same events may be judged otherwise than before."""

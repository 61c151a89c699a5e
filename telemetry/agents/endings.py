"""How a run, or a turn of one, ended, by what its `end` says: its state and the detectors go by the same."""

from __future__ import annotations

import re

CUT_SHORT = re.compile(
    r"max[_ -]?(?:steps?|turns?|iterations?|tokens?|rounds?|time|retries)|"
    r"(?:step|turn|iteration|recursion|time|token|budget|cost|rate)s?[_ -]?(?:limit|exceeded|exhausted)|"
    r"timed?[_ -]?out|out of (?:time|steps|budget|tokens)|^length$|cancel|abort|interrupt|truncat|^early|incomplete",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"(?:fail(?:ed|ure|ing)?|error(?:ed)?|crash(?:ed)?|exception|killed|terminated|unsuccessful)(?![a-z])"
)
_WELL = frozenset({"completed", "complete", "success", "succeeded", "successful", "done", "ok", "finished"})
_LONGEST_REASON = 4
"""Words: what is longer tells of the work (`cancelled the order, as the customer asked`), not of how it ended."""
COMPLETED, FAILED = "completed", "failed"


def has_failed(status: str, reason: str, error: str | None) -> bool:
    """`status`, `reason`: in small letters, "" where none is said. What it calls itself counts; where it does not, that
    it was cut short, or brings an error."""
    if status:
        return _FAILED.match(status) is not None or CUT_SHORT.search(status) is not None
    return error is not None or CUT_SHORT.search(reason) is not None


def cut_short(status: str, reason: str) -> bool:
    """Whether it says that a limit or somebody ended it. Beside a status that says that all is well only a short reason
    counts, as programs give them: `max_steps`."""
    if CUT_SHORT.search(status) is not None:
        return True
    told = status not in _WELL or len(reason.split()) <= _LONGEST_REASON
    return told and CUT_SHORT.search(reason) is not None


def worse(one: str, ends: list[str]) -> str:
    """The state of a run that was `one`, after these ends of its turns: one that failed is not mended by the next."""
    if FAILED in (one, *ends):
        return FAILED
    return COMPLETED if ends else one

"""How a step, or the walk around it, may fail.

StepError              step_failed      what the step wanted did not come true; carries another code where one says more
BrowserCrashedError    browser_crashed  the browser or a page of it died: nobody knows what the site would have done
"""

from __future__ import annotations

from model.errors import ErrorCode


class StepError(Exception):
    """The text is the end of a sentence that begins with the step: "element is covered by `#banner`"."""

    def __init__(self, message: str, code: ErrorCode = ErrorCode.STEP_FAILED) -> None:
        super().__init__(message)
        self.code = code


class BrowserCrashedError(Exception):
    """The text is a sentence for people."""


class BrowserMissingError(Exception):
    """There is no browser to be started here; the text says how to get one."""

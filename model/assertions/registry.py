"""Every assertion type there is: a new one is its file and one line here."""

from __future__ import annotations

from model.assertions.status_code import StatusCode

Assertion = StatusCode

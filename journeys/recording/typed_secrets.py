"""Passwords that a script types: kept as variables, which are secrets, and out of the steps, which everyone reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from journeys.recording.actions import StepFields

_KINDS = {
    "PASSWORD": re.compile(r"pass(?:wor[dt]|wd|phrase|code)|kennwort|mot de passe|contraseñ|senha", re.IGNORECASE),
    "PIN": re.compile(r"\bpin\b", re.IGNORECASE),
    "SECRET": re.compile(r"secret|token|api.?key|\bcvc\b|\bcvv\b|card.?number|one.?time.?code|\botp\b", re.IGNORECASE),
}
"""By what stands in the selector of the field."""


@dataclass
class SecretNames:
    """`values`: what was typed, by the name of its variable; the same text keeps its name."""

    values: dict[str, str] = field(default_factory=dict)

    def kept(self, step: StepFields) -> tuple[StepFields, str | None]:
        """(the step with `{{NAME}}` in place of a secret, NAME), or the step as it is."""
        if step["type"] != "fill" or not step["value"]:
            return step, None
        kind = next((kind for kind, words in _KINDS.items() if words.search(step["selector"])), None)
        if kind is None:
            return step, None
        name = self._name(kind, step["value"])
        return {**step, "value": f"{{{{{name}}}}}"}, name

    def _name(self, kind: str, value: str) -> str:
        known = next((name for name, text in self.values.items() if text == value), None)
        if known is not None:
            return known
        number = sum(name.startswith(kind) for name in self.values)
        name = f"{kind}_{number + 1}" if number else kind
        self.values[name] = value
        return name

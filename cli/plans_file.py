"""TRACER_PLANS: the operator's file of plans, read once at the start."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from model.plans import Plans
from model.validation import field_errors


def read_plans(path: str) -> Plans:
    """The plans of a YAML or JSON file. ValueError with a sentence that says what is wrong with which field."""
    import yaml  # only who has plans waits for it

    try:
        document = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"is neither YAML nor JSON: {error}") from None
    try:
        return Plans.model_validate(document)
    except ValidationError as error:
        field, [said, *_] = next(iter(field_errors(error).items()))
        raise ValueError(f"{field}: {said}" if field else said) from None

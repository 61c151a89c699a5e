"""Filters that take several values, comma-separated."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AfterValidator

MOST_CHARACTERS = 200


def one_or_more_of(known: Sequence[str], noun: str) -> AfterValidator:
    """A query parameter's text, each part of which is one of these."""

    def judge(text: str) -> str:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise ValueError(f"{unknown[0][:40]!r} is not a {noun}: they are {', '.join(known)}")
        return text

    return AfterValidator(judge)


def parts(text: str | None) -> tuple[str, ...] | None:
    """The values of such a parameter, each once; None when it was not given."""
    return None if text is None else tuple(dict.fromkeys(text.split(",")))

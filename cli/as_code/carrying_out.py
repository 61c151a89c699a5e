"""A plan, carried out step by step over REST."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from api.warnings import NO_RULE
from cli.as_code.plan import Plan, Step
from cli.client import ApiError, Client


@dataclass
class Done:
    """`counts`: of what has become of the steps (created, changed, unchanged, deleted). `warnings`: what the API
    accepted but found worth a look. `signing`: of each new webhook the secret, which is told only now."""

    counts: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    signing: dict[str, str] = field(default_factory=dict)


class StoppedError(Exception):
    """The API refused a step; what came before it is done, and nothing after it."""

    def __init__(self, step: Step, error: ApiError, done: Done) -> None:
        super().__init__(str(error))
        self.step = step
        self.error = error
        self.done = done


def carry_out(plan: Plan, client: Client) -> Done:
    """Raises StoppedError at the first step that is refused."""
    done = Done()
    ids: dict[str, str] = {}
    done.counts["unchanged"] += len(plan.of("keep"))
    for step in plan.of("create", "change", "compare", "delete"):
        try:
            envelope = _sent(step, client, ids)
        except ApiError as error:
            raise StoppedError(step, error, done) from error
        done.counts[_outcome(step, envelope["data"])] += 1
        if step.action == "create":
            ids[step.id] = envelope["data"]["id"]
            if isinstance(envelope["data"].get("secret"), str):
                done.signing[step.name] = envelope["data"]["secret"]
        done.warnings += _warnings(step, envelope)
    return done


def _sent(step: Step, client: Client, ids: Mapping[str, str]) -> dict[str, Any]:
    path = step.section.path
    body = _with_ids(step.body, ids)
    if step.action == "create":
        return client.request("POST", path, body)
    one = f"{path}/{quote(step.id, safe='')}"
    return client.request("DELETE", one) if step.action == "delete" else client.request("PUT", one, body)


def _outcome(step: Step, data: Mapping[str, Any]) -> str:
    """Of secrets that were compared, the time of the last change tells whether they were new."""
    if step.action == "compare":
        return "unchanged" if data["updated_at"] == (step.stored or {}).get("updated_at") else "changed"
    return {"create": "created", "change": "changed", "delete": "deleted"}[step.action]


def _warnings(step: Step, envelope: Mapping[str, Any]) -> Iterator[str]:
    """That no rule covers a check is left out: its rule may be the next thing that is made."""
    for warning in (envelope.get("meta") or {}).get("warnings", ()):
        if warning != NO_RULE.format(noun=step.section.noun):
            yield f"{step.section.noun} {step.name}: {warning}"


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with the ids of what was made meanwhile in place of the planned ones."""
    if isinstance(value, Mapping):
        return {key: _with_ids(item, ids) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_ids(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value

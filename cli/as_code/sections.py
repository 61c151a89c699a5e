"""The four sections of a file: where each lives in the REST API, and who judges what stands in it.

The API's own judges are asked, so that a file is refused for the same reasons, in the same words, before anything of it
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.channels.registry import CHANNELS
from alerts.rules.registry import RULES
from api import alert_rules, channel_configs, definitions
from api.errors import Invalid
from api.families import JOURNEY, MONITOR, Family, family_of
from api.kept_secrets import NOTHING_KEPT, refuse_elsewhere
from api.kept_step_secrets import with_their_steps
from model.secrets import MASK, split
from store.alert_channels import parted


@dataclass(frozen=True)
class Judged:
    """`whole`: every field with its value, as REST takes it; `public`: the same with secrets masked, as REST shows it.
    `secrets`: paths of those that the file gives a value for."""

    whole: Mapping[str, Any]
    public: Mapping[str, Any]
    secrets: tuple[str, ...] = ()


Judge = Callable[[Mapping[str, Any], Sequence[str], Mapping[str, Any]], Judged]
"""(a document with ids in place of names, the organization's default locations, the stored object as REST shows it, or
nothing) -> Judged. Raises Invalid with a message per field."""


@dataclass(frozen=True)
class Section:
    """`read_only`: fields of answers that no file holds. `momentary`: fields that people also set by hand for a while:
    left out of a file, they stay as they are. `references`: path of a field that names others, and their sections."""

    key: str
    noun: str
    path: str
    id_prefix: str
    read_only: tuple[str, ...]
    judge: Judge
    defaults: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    momentary: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _check_of(family: Family) -> Judge:
    def judge(document: Mapping[str, Any], default_locations: Sequence[str], stored: Mapping[str, Any]) -> Judged:
        masks = masked_paths(document)
        whole = definitions.plain(definitions.definition_of(document, default_locations, masks, family=family))
        if whole["locations"] is None:  # a heartbeat has none
            del whole["locations"]
        secrets = dict.fromkeys(masked_paths(stored), "known to the API alone")
        refuse_elsewhere(stored.get("url"), whole.get("url"), whole, secrets)
        kept = with_their_steps(stored, whole, secrets)
        public, given = split(whole)
        missing = {path: [NOTHING_KEPT] for path, value in given.items() if value == MASK and path not in kept}
        if missing:
            raise Invalid(missing)
        return Judged(whole, public, tuple(path for path, value in given.items() if value != MASK))

    return judge


def _check_defaults(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A journey's `type` goes without saying."""
    kind = item["type"]
    only = family_of(kind).only_type
    return {**definitions.defaults_of(kind), **({"type": only} if only == kind else {})}


def _rule(document: Mapping[str, Any], _: Sequence[str], __: Mapping[str, Any]) -> Judged:
    whole = alert_rules.plain(alert_rules.definition_of(document))
    return Judged(whole, whole)


def _rule_defaults(item: Mapping[str, Any]) -> Mapping[str, Any]:
    known = RULES[item["type"]]
    blank = known.model_construct(type=item["type"], name="")
    return blank.model_dump(mode="json", exclude={"type", "name"}, warnings=False)


def _channel(document: Mapping[str, Any], _: Sequence[str], stored: Mapping[str, Any]) -> Judged:
    """A mask is no URL, and would be refused as such: what is kept is not judged again."""
    kept = masked_paths(stored)
    try:
        name, kind, channel = channel_configs.channel_of_body(document)
        config = channel_configs.plain(channel)
    except Invalid as error:
        given = document.get("config")
        fields = error.fields or {}
        masks = {path for path in fields if _at(document, path) == MASK}
        left = {
            path: [NOTHING_KEPT] if path in masks else said for path, said in fields.items() if path not in masks & kept
        }
        if left or not isinstance(given, dict):
            raise Invalid(left or fields) from None
        name, kind = document["name"], document["type"]
        config = {**CHANNELS[kind].model_construct().model_dump(mode="json", warnings=False), **given}
    public, secrets = parted(config, CHANNELS[kind].secrets)
    shown = {"name": name, "type": kind, "config": public}
    return Judged({**shown, "config": config}, shown, tuple(f"config.{p}" for p, v in secrets.items() if v != MASK))


def _channel_defaults(item: Mapping[str, Any]) -> Mapping[str, Any]:
    known = CHANNELS[item["type"]]
    return {"config": known.model_construct().model_dump(mode="json", warnings=False)}


def _at(value: Any, path: str) -> Any:
    """What stands at a path; a key may hold dots itself, as headers' names do."""
    if not path:
        return value
    if not isinstance(value, Mapping):
        return None
    fitting = [key for key in value if path == key or path.startswith(f"{key}.")]
    return _at(value[max(fitting, key=len)], path[len(max(fitting, key=len)) + 1 :]) if fitting else None


def masked_paths(value: Any, path: str = "") -> frozenset[str]:
    """Where secrets are stored, by what REST shows of them."""
    inside = f"{path}." if path else ""
    if isinstance(value, Mapping):
        return frozenset().union(*(masked_paths(item, f"{inside}{key}") for key, item in value.items()))
    if isinstance(value, list | tuple):
        return frozenset().union(*(masked_paths(item, f"{inside}{place}") for place, item in enumerate(value)))
    return frozenset({path}) if value == MASK else frozenset()


CHECKS = ("monitors", "journeys")
_MOMENTARY = ("status", "muted_until")
_PARENTS = {"depends_on": CHECKS}
_MEANT = {"apply_to.monitors": ("monitors",), "apply_to.journeys": ("journeys",), "channels": ("channels",)}

SECTIONS: Mapping[str, Section] = {
    section.key: section
    for section in (
        Section(
            "monitors", "monitor", "/v1/monitors", "mon", definitions.READ_ONLY, _check_of(MONITOR), _check_defaults,
            _MOMENTARY, _PARENTS,
        ),
        Section(
            "journeys", "journey", "/v1/journeys", "jny", definitions.READ_ONLY, _check_of(JOURNEY), _check_defaults,
            _MOMENTARY, _PARENTS,
        ),
        Section(
            "rules", "rule", "/v1/alert-rules", "rule", alert_rules.READ_ONLY, _rule, _rule_defaults, ("enabled",),
            _MEANT,
        ),
        Section(
            "channels", "channel", "/v1/alert-channels", "chan", channel_configs.READ_ONLY, _channel,
            _channel_defaults,
        ),
    )
}  # fmt: skip
"""By the key that stands in a file."""

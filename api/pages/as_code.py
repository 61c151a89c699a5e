"""The equal of a form outside of it: YAML for `tracer apply`, a request for curl. Secrets are named, never shown."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from typing import Any

import yaml

from api.definitions import defaults_of, definition_of, plain
from api.errors import Invalid
from api.families import Family
from model.references import literal
from model.secrets import MASK, join, split
from store.tables import Check

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")


def judged(family: Family, document: Mapping[str, Any]) -> dict[str, Any]:
    """A form's document as it would be stored, secrets in place, whatever the organization has beside it. Invalid."""
    said = {name: value for name, value in document.items() if value is not None}
    said.setdefault("locations", ["anywhere"])  # the organization's, where none is named
    kept = [path for path, value in split(said)[1].items() if value == MASK]
    return plain(definition_of(said, (), kept, family=family))


def equals(
    family: Family, document: Callable[[], dict[str, Any]], stored: Check | None, public_url: str
) -> tuple[str, str]:
    """(YAML, curl) that do what the form does; both empty while it makes no check. `stored`: what it would change."""
    try:
        typed = document()
        whole = judged(family, typed)
    except Invalid:
        return "", ""
    usual = defaults_of(whole["type"])
    said = {name: value for name, value in typed.items() if value not in (None, [], {}, usual.get(name))}
    if family.only_type is not None:
        said.pop("type", None)
    renamed = {"id": stored.id} if stored is not None and stored.name != typed["name"] else {}
    url = f"{public_url}/v1/{family.noun}s"
    if stored is None:
        return _yaml(family, said), _curl(f"curl -s {url}", said)
    changes = _changes(typed, whole, stored.definition)
    return _yaml(family, renamed | said), _curl(f"curl -s -X PUT {url}/{stored.id}", changes or said)


def _yaml(family: Family, said: dict[str, Any]) -> str:
    """As `tracer apply` takes it; secrets are references to the environment, those that are stored stay masked."""
    public, secrets = split(said)
    names = _names(secrets)
    whole = join(literal(public), {path: f"${{{name}}}" for path, name in names.items()})
    notes = [f"# {name} comes from the environment in which `tracer apply` runs.\n" for name in names.values()]
    if len(names) < len(secrets):
        notes.append(f"# {MASK} keeps the secret that is stored.\n")
    body = yaml.safe_dump({f"{family.noun}s": [whole]}, sort_keys=False, allow_unicode=True, width=100)
    return "".join(notes) + str(body)


def _curl(command: str, said: dict[str, Any]) -> str:
    """Secrets are variables of the shell, which stops without them."""
    public, secrets = split(said)
    names = _names(secrets)
    text = json.dumps(join(public, {path: f"<{name}>" for path, name in names.items()}), ensure_ascii=False, indent=1)
    text = shlex.quote(text)
    for name in names.values():
        text = text.replace(f'"<{name}>"', f'"\'"${{{name}:?}}"\'"')
    notes = [f"# {name}: set it first, as JSON has it in its quotes\n" for name in names.values()]
    return (
        f"{''.join(notes)}{command} \\\n"
        '  -H "Authorization: Bearer $TRACER_API_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {text}"
    )


def _changes(typed: Mapping[str, Any], whole: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not as they are stored; null clears one. `whole`: what is typed, as it would be stored."""
    new = split(whole)[0]
    fresh = {path.split(".")[0] for path, value in split(dict(typed))[1].items() if value != MASK}
    kept_places = typed.get("locations") is None
    return {
        name: value
        for name, value in typed.items()
        if name != "type" and not (name == "locations" and kept_places)
        and (name in fresh or new.get(name) != stored.get(name, new.get(name)))
    }  # fmt: skip


def _names(secrets: Mapping[str, str]) -> dict[str, str]:
    """A name in the environment for each secret that was typed: `headers.X-Api-Key` is X_API_KEY."""
    taken: dict[str, str] = {}
    for path, value in secrets.items():
        if value != MASK:
            taken[path] = _free(_NOT_IN_A_NAME.sub("_", path.rpartition(".")[2]).strip("_").upper(), taken.values())
    return taken


def _free(name: str, taken: Collection[str]) -> str:
    plain_name = name if name[:1].isalpha() else f"SECRET_{name}".rstrip("_")
    numbered = (plain_name if number == 1 else f"{plain_name}_{number}" for number in range(1, len(taken) + 2))
    return next(each for each in numbered if each not in taken)

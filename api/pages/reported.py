"""What the pages of errors, traces and releases share: which project is looked at, and how to begin where nothing has
been reported yet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import request

from api.errors import Invalid
from api.project_access import Visible, visible
from api.services import services
from store.project_tables import Project, ProjectKey
from store.projects import keys_of
from store.sessions import EVERY_ORGANIZATION

LEVELS_CSS = {"fatal": "down", "error": "down", "warning": "degraded", "info": "acknowledged", "debug": "unknown"}
"""Of a level, the mark that pages show."""


@dataclass(frozen=True)
class Chosen:
    """`every`: the projects of whoever looks; `shown`: those that the page is about; `slug`: of the only one, or ""."""

    every: Visible
    shown: Visible
    slug: str

    @property
    def numbers(self) -> list[int]:
        return self.shown.numbers

    @property
    def slugs(self) -> Mapping[int, str]:
        return {number: project.slug for number, project in self.every.projects.items()}


def chosen_project() -> Chosen:
    """By the address's `project`: its slug, number or id. Invalid for one that is not theirs."""
    every, named = visible(), request.args.get("project", "").strip()
    if not named:
        return Chosen(every, every, "")
    found = [
        project for number, project in every.projects.items() if named in (project.slug, project.id, str(number))
    ]  # fmt: skip
    if not found:
        raise Invalid({"project": ["is none of yours"]})
    return Chosen(every, Visible({found[0].number: found[0]}), found[0].slug)


def address(path: str, given: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """A page with these parameters; one that is empty is left out."""
    values = {name: value for name, value in {**given, **changed}.items() if value not in (None, "")}
    return f"{path}?{urlencode(values)}" if values else path


@dataclass(frozen=True)
class Pointing:
    """What to type to report to a project. `key`: its first public key that needs nothing beside it."""

    project: Project
    key: ProjectKey

    @property
    def dsn(self) -> str:
        at = urlsplit(services().public_url)
        return f"{at.scheme}://{self.key.public_key}@{at.netloc}{at.path}/v1/ingest"

    @property
    def otel(self) -> str:
        """The environment of any OpenTelemetry SDK."""
        return (
            f'export OTEL_EXPORTER_OTLP_ENDPOINT="{services().public_url}/v1/otlp"\n'
            f'export OTEL_EXPORTER_OTLP_HEADERS="x-open-sentry-key={self.key.public_key}"\n'
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            f'export OTEL_RESOURCE_ATTRIBUTES="service.name={self.project.slug},'
            f'service.version={self.project.slug}@1.0.0,deployment.environment.name=production"'
        )

    @property
    def curl(self) -> str:
        """One error, to see it arrive."""
        return (
            f'curl -s "{services().public_url}/v1/ingest" -H "Content-Type: application/json" \\\n'
            f'  -H "X-Open-Sentry-Key: {self.key.public_key}" \\\n'
            '  -d \'{"type": "error", "exception": {"type": "Error", "value": "test from curl"}}\''
        )

    @property
    def release(self) -> str:
        """What a build says when it has deployed."""
        slug = self.project.slug
        said = {"project": slug, "release": f"{slug}@1.0.0"}
        return (
            f'curl -s "{services().public_url}/v1/releases" -H "Authorization: Bearer $TRACER_API_KEY" \\\n'
            f"  -H \"Content-Type: application/json\" \\\n  -d '{json.dumps(said)}'"
        )

    @property
    def generation(self) -> str:
        """One call of a language model."""
        return (
            f'curl -s "{services().public_url}/v1/ingest?key={self.key.public_key}" \\\n'
            '  -d \'{"type": "ai_generation", "provider": "openrouter", "model": "anthropic/claude-sonnet-4",\n'
            '       "inputTokens": 1200, "outputTokens": 340, "totalCostUsd": 0.0048, "latencyMs": 1820}\''
        )


def pointing(projects: Sequence[Project]) -> Pointing | None:
    """For the first of these that has such a key."""
    if not projects:
        return None
    with services().database.read(projects[0].organization_id) as session:
        keys = keys_of(session, projects)
    for project in projects:
        open_keys = [key for key in keys.get(project.id, ()) if not key.server_only]
        if open_keys:
            return Pointing(project, open_keys[0])
    return None


def telemetry_now_ms() -> int:
    """By the clock of what is reported."""
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        return store.now_ms(session)

"""Asking for journeys: by tag with what a pipeline knows of itself, or one by its id."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cli.ci.results import JourneyResult
from cli.client import Client

_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Asked:
    """`batch_id`: None of a single journey. `warnings`: accepted, but worth a look."""

    results: Sequence[JourneyResult]
    warnings: Sequence[str]
    batch_id: str | None = None


def ask_for_tag(
    client: Client, tag: str, *, locations: Sequence[str], base_url: str | None, variables: Mapping[str, str]
) -> Asked:
    """Every active journey that has the tag. Raises ApiError, with status 404 when there is none."""
    body: dict[str, Any] = {"metadata": about_this_pipeline(os.environ)}
    if locations:
        body["locations"] = list(locations)
    if base_url:
        body["base_url"] = base_url
    if variables:
        body["variables"] = dict(variables)
    envelope = client.request("POST", f"/v1/journeys/run-tag/{quote(tag, safe='')}", body)
    data = envelope["data"]
    results = [
        JourneyResult(
            run["name"], run["location"], run_id=run["run_id"], journey_id=run["journey_id"],
            url=f"{client.url}/runs/{run['run_id']}",
        )
        for run in data["runs"]
    ]  # fmt: skip
    return Asked(results, _warnings(envelope), data["batch_id"])


def ask_for_one(client: Client, journey_id: str, locations: Sequence[str]) -> Asked:
    """One journey by its id, paused or not. Raises ApiError."""
    path = f"/v1/journeys/{quote(journey_id, safe='')}"
    name = client.request("GET", path)["data"]["name"]
    envelope = client.request("POST", f"{path}/run", {"locations": list(locations)} if locations else {})
    results = [
        JourneyResult(
            name, run["location"], run_id=run["run_id"], journey_id=journey_id,
            url=f"{client.url}/runs/{run['run_id']}",
        )
        for run in envelope["data"]["runs"]
    ]  # fmt: skip
    return Asked(results, _warnings(envelope))


def about_this_pipeline(environ: Mapping[str, str]) -> dict[str, str]:
    """Commit, branch and address of the run of GitHub Actions, GitLab CI or Jenkins that this is part of."""
    known = {
        "commit": _first(environ, "GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"),
        "branch": _first(environ, "GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "GIT_BRANCH"),
        "url": _on_github(environ) or _first(environ, "CI_JOB_URL", "BUILD_URL"),
    }
    return {name: value[:_MOST_CHARACTERS] for name, value in known.items() if value.strip() and value.isprintable()}


def _on_github(environ: Mapping[str, str]) -> str:
    server, repository, run = (environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")


def _warnings(envelope: Mapping[str, Any]) -> list[str]:
    return list((envelope.get("meta") or {}).get("warnings", ()))

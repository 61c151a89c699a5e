"""What shows how runs went that did not pass: their steps and files, as links that live for minutes, or saved."""

from __future__ import annotations

import http.client
import mimetypes
import re
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from cli.ci.results import Artifact, JourneyResult
from cli.client import ApiError, Client

_TIMEOUT_S = 60
_MOST_BYTES = 60 * 1024 * 1024
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


class NotSavedError(Exception):
    """A file could not be fetched or written; the text is a sentence."""


def with_evidence(client: Client, results: Sequence[JourneyResult]) -> list[JourneyResult]:
    """The results, those that did not pass with their steps and links. What can't be asked for is left out: a verdict
    is not lost for want of its pictures."""
    return [_told(client, result) if _interests(result) else result for result in results]


def saved(results: Sequence[JourneyResult], folder: Path) -> list[JourneyResult]:
    """The results, with the files behind the links in `folder` and their paths in place of the links. Raises
    NotSavedError."""
    return [replace(result, artifacts=[*_saved(result, folder / folder_name(result))]) for result in results]


def folder_name(result: JourneyResult) -> str:
    """A name of its own for each run."""
    parts = (result.name, result.location, result.run_id or "")
    return _NOT_IN_NAMES.sub("-", "-".join(part for part in parts if part)).strip("-.")[:150]


def file_name(artifact: Artifact) -> str:
    """`screenshot-step-4.jpg`, `trace.zip`."""
    step = "" if artifact.step_index is None else f"-step-{artifact.step_index + 1}"
    suffix = mimetypes.guess_extension(artifact.content_type) or ""
    return f"{_NOT_IN_NAMES.sub('-', artifact.type)}{step}{suffix}"


def _interests(result: JourneyResult) -> bool:
    return result.ended and result.status != "success" and result.run_id is not None


def _told(client: Client, result: JourneyResult) -> JourneyResult:
    path = f"/v1/runs/{quote(result.run_id or '', safe='')}"
    try:
        steps = client.request("GET", f"{path}/steps")["data"]
        listed = client.request("GET", f"{path}/artifacts")["data"]
    except ApiError:
        return result
    artifacts = [Artifact(each["type"], each["url"], each["content_type"], each["step_index"]) for each in listed]
    return replace(result, steps=steps, artifacts=artifacts)


def _saved(result: JourneyResult, folder: Path) -> Iterator[Artifact]:
    for artifact in result.artifacts:
        path = folder / file_name(artifact)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_fetched(artifact.where))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NotSavedError(f"{path} could not be saved: {getattr(error, 'reason', error)}") from None
        yield replace(artifact, where=str(path))


def _fetched(url: str) -> bytes:
    """Raises OSError (urllib's errors are some), ValueError, HTTPException."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("its link is not http")
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the scheme was checked
        data: bytes = answer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("it is larger than anything Tracer keeps")
    return data

"""Waiting for journeys on the probes, to the end or to what cuts it short: the time, Ctrl-C, a Tracer that is away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click
from rich.console import Console

from cli.ci.asking import Asked
from cli.ci.ending import Cut, Ending, end
from cli.ci.evidence import NotSavedError, saved, with_evidence
from cli.ci.following import Clock, at_batch, at_runs, follow
from cli.ci.progress import shown
from cli.ci.results import JourneyResult
from cli.client import ApiError, Client
from cli.resources import print_refusal


def wait_for(
    client: Client,
    asked: Asked,
    suite: str,
    *,
    timeout_s: float,
    junit: Path | None,
    evidence: Path | None,
    as_json: bool,
) -> NoReturn:
    """Shows how far they are, then how they went; leaves with the exit code. What is known is reported, whatever cuts
    the waiting short."""
    seen = _Seen(asked.results)
    look = at_runs(client, asked.results) if asked.batch_id is None else at_batch(client, asked.batch_id)
    cut: Cut | None = None
    said = ""
    try:
        shown(Console(stderr=True), seen.each(follow(look, timeout_s, Clock())))
        if not all(result.ended for result in seen.latest):
            cut, said = "time", f"it had not finished within {timeout_s:g} s; the run goes on"
            click.secho(f"Not finished within {timeout_s:g} s; the runs go on.", fg="yellow", err=True)
    except ApiError as error:
        cut, said = "lost", f"how it went can't be asked for: {error}"
        print_refusal(error)
    except KeyboardInterrupt:
        cut, said = "interrupted", "the wait for it was interrupted; the run goes on"
        click.secho(_interrupted(client, asked), fg="yellow", err=True)
    results: Sequence[JourneyResult] = [_unfinished(result, said) for result in seen.latest]
    if cut != "interrupted":  # who interrupts does not wait for pictures: a pipeline kills a few seconds later
        try:
            results = with_evidence(client, results)
            if evidence is not None:
                results = _saved(results, evidence)
        except KeyboardInterrupt:
            cut = "interrupted"
            click.secho(
                "Interrupted while evidence was fetched: it is on the pages of the runs.", fg="yellow", err=True
            )
    host = urlsplit(client.url).hostname or "localhost"
    end(Ending(results, suite, host, asked.batch_id, cut), junit=junit, as_json=as_json)


class _Seen:
    """The last look survives whatever ends the looking."""

    def __init__(self, results: Sequence[JourneyResult]) -> None:
        self.latest = results

    def each(self, looks: Iterable[Sequence[JourneyResult]]) -> Iterator[Sequence[JourneyResult]]:
        for self.latest in looks:
            yield self.latest


def _unfinished(result: JourneyResult, said: str) -> JourneyResult:
    return result if result.ended else replace(result, error={"code": "not_finished", "message": said})


def _interrupted(client: Client, asked: Asked) -> str:
    if asked.batch_id is None:
        runs = ", ".join(f"`tracer runs show {result.run_id}`" for result in asked.results)
        return f"Interrupted; what was asked for goes on. {runs} says how it went."
    return (
        f"Interrupted; the batch {asked.batch_id} goes on. The pages of its runs are named below, and "
        f"{client.url}/v1/batches/{asked.batch_id} says how all of it went."
    )


def _saved(results: Sequence[JourneyResult], folder: Path) -> Sequence[JourneyResult]:
    try:
        return saved(results, folder)
    except NotSavedError as error:
        click.secho(str(error), fg="red", err=True)
        return results

"""Links into a body that a program gets: where a person whom it tells looks on. Made when it is sent, as those of other
channels are: only then is it known where Tracer is reached. No link is signed: what a program keeps outlives it."""

from __future__ import annotations

from typing import Any


def alert_page(public_url: str, alert: dict[str, Any]) -> str:
    """Where one alert is shown."""
    return f"{public_url}/alerts/{alert.get('id')}"


def run_page(public_url: str, run: dict[str, Any]) -> str:
    """Where one run is shown."""
    return f"{public_url}/runs/{run.get('id')}"


def issue_page(public_url: str, issue: dict[str, Any]) -> str:
    """Where the error behind an alert is shown."""
    return f"{public_url}/issues/{issue.get('id')}"


def screenshot_place(public_url: str, run: dict[str, Any]) -> str | None:
    """Where the page of a journey's run shows the picture of the step that failed; None when there is none."""
    step = run.get("failed_step") or {}
    return f"{run_page(public_url, run)}#step-{step['index'] + 1}" if step.get("has_screenshot") else None


def with_links(payload: dict[str, Any], public_url: str) -> dict[str, Any]:
    """The body with `url` in its alert, its run and its issue, and `screenshot_url` in the step that failed."""
    data = dict(payload.get("data") or {})
    if payload.get("type") == "notice":  # has its link
        return payload
    if data.get("alert"):
        is_test = payload.get("type") == "alert.test"  # of no alert that could be shown
        data["alert"] = {**data["alert"], "url": public_url if is_test else alert_page(public_url, data["alert"])}
    if data.get("run"):
        run = data["run"]
        data["run"] = {**run, "url": run_page(public_url, run)}
        if run.get("failed_step"):
            step = {name: value for name, value in run["failed_step"].items() if name != "has_screenshot"}
            data["run"]["failed_step"] = {**step, "screenshot_url": screenshot_place(public_url, run)}
    if data.get("issue"):
        data["issue"] = {**data["issue"], "url": issue_page(public_url, data["issue"])}
    return {**payload, "data": data}

"""A channel as a form, and back: an address, lines of addresses, lines of headers. What is stored of secrets is shown
as ********, and stays what it is where that is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from alerts.channels.registry import CHANNELS
from api.errors import Invalid
from model.fields import MAX_NAME

ABOUT = {
    "slack": ("Slack", "an incoming webhook of a Slack channel"),
    "email": ("Email", "mailboxes, through the mail server of this installation"),
    "webhook": ("Webhook", "a program of yours: every event as signed JSON"),
    "apprise": (
        "Other services",
        "Teams, Discord, Telegram, PagerDuty, ntfy, SMS and a hundred more: an apprise URL",
    ),
}
_TEXTS = {"webhook_url": "Webhook URL", "url": "URL", "recipients": "Recipients", "headers": "Headers"}
_HINTS = {
    "webhook_url": "https://hooks.slack.com/services/…, from Slack's page of incoming webhooks",
    "recipients": "One address a line",
    "headers": "Sent along, one a line: Name: value",
}
_APPRISE = "Such as tgram://token/chat or pagerduty://key@account; its documentation lists the form for each service"
_LINES = ("recipients", "headers")
_MOST_TYPED = 20_000


def fields_of(kind: str) -> list[dict[str, Any]]:
    """The fields of a type: name, label, hint, whether it is of many lines, whether it may stay empty."""
    return [
        {
            "name": name,
            "label": _TEXTS.get(name, name.replace("_", " ").capitalize()),
            "hint": _APPRISE if kind == "apprise" else _HINTS.get(name, ""),
            "lines": name in _LINES,
            "required": info.is_required(),
            "secret": name in CHANNELS[kind].secrets,
        }
        for name, info in CHANNELS[kind].model_fields.items()
    ]


def shown(kind: str, name: str, config: Mapping[str, Any]) -> dict[str, str]:
    """A stored channel as its form."""
    return {"name": name} | {each["name"]: _text(config.get(each["name"])) for each in fields_of(kind)}


def typed(kind: str) -> dict[str, str]:
    """What was sent, as the form shows it again."""
    names = ["name", *(each["name"] for each in fields_of(kind))]
    return {name: request.form.get(name, "")[:_MOST_TYPED] for name in names}


def body_of(kind: str) -> dict[str, Any]:
    """The form as REST takes it. Invalid, for what is no line of a header."""
    config: dict[str, Any] = {}
    for each in fields_of(kind):
        name = each["name"]
        text = request.form.get(name, "").strip()[:_MOST_TYPED]
        if name == "headers":
            config[name] = _headers(text)
        elif each["lines"]:
            config[name] = [part for line in text.splitlines() for part in line.replace(",", " ").split()]
        elif text:
            config[name] = text
    return {"name": request.form.get("name", "").strip()[: 10 * MAX_NAME], "config": config}


def _headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Invalid({"config.headers": [f"(line {number}) must be Name: value"]})
        if name.strip() in headers:
            raise Invalid({"config.headers": [f"(line {number}) names {name.strip()[:60]} a second time"]})
        headers[name.strip()] = value.strip()
    return headers


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {text}" for name, text in value.items())
    return "\n".join(value) if isinstance(value, list) else str(value or "")

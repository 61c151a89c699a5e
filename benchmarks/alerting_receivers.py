"""Receivers of every kind on loopback, with the moment of each message, for benchmarks/alerting.py."""

from __future__ import annotations

import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.alerts.channels.mail_sink import MailSink, mail_sink
from tests.system.processes import OWNER_KEY
from tests.system.wire import Wire

_NAME = re.compile(r"\bm\d+\b")
_COUNT = re.compile(r"(\d+) alerts at once")
_ALERT = re.compile(r'/alerts/(alr_\w+)"')


class Acknowledged(Wire):
    """`at_s`: when the API's answer to each result passed, by run id, on the monotonic clock; `changes`: (since when,
    failed or success) of each check."""

    def __init__(self, api_url: str) -> None:
        self.at_s: dict[str, float] = {}
        self.changes: dict[str, list[tuple[float, str]]] = {}
        super().__init__(api_url)

    def remember(self, sent: dict[str, Any], answer: dict[str, Any]) -> None:
        now_s = time.monotonic()
        super().remember(sent, answer)
        for result in sent["results"]:
            self.at_s.setdefault(result["run_id"], now_s)
            changes = self.changes.setdefault(result["check_id"], [])
            if not changes or changes[-1][1] != result["status"]:
                changes.append((now_s, result["status"]))

    def caused(self, check_id: str, good: bool, told_s: float) -> float:
        """When the result was acknowledged that a message of that moment tells of."""
        wanted = "success" if good else "failed"
        # A message may overtake the acknowledgement: both follow the same commit.
        return max(at_s for at_s, status in self.changes[check_id] if status == wanted and at_s < told_s + 0.5)

    def counted(self, status: str) -> int:
        return sum(found == status for found, _ in list(self.acknowledged.values()))

    def forget(self) -> None:
        self.at_s.clear()


@dataclass
class Receivers:
    webhook: HttpSink
    slack: HttpSink
    mail: MailSink

    def webhook_channel(self) -> dict[str, Any]:
        return {"name": "hook", "type": "webhook", "config": {"url": self.webhook.url}}

    def people_channels(self, number: int) -> list[dict[str, Any]]:
        """A Slack channel and a mailbox."""
        return [
            {"name": f"ops {number}", "type": "slack", "config": {"webhook_url": f"{self.slack.url}/{number}"}},
            {"name": f"mail {number}", "type": "email", "config": {"recipients": [f"on-call-{number}@example.com"]}},
        ]

    def told(self, ids: dict[str, str]) -> dict[str, list[tuple[tuple[str, bool], float]]]:
        """((check, whether it is good news), when it came) of every single message, by kind of channel. `ids`: of the
        checks, by name."""
        bodies = [(each.json, each.at_s) for each in self.webhook.received]
        hooks = [(f"{body['data']['check']['name']} {body['type']}", at_s) for body, at_s in bodies]
        slack = [(each.json["text"], each.at_s) for each in self.slack.received]
        mails = zip((str(each["Subject"]) for each in self.mail.received), self.mail.at_s, strict=True)
        return {
            kind: [((ids[_named(text)], "resolved" in text.lower()), at_s) for text, at_s in messages]
            for kind, messages in (("webhook", hooks), ("slack", slack), ("email", mails))
        }

    def messages_to_people(self) -> dict[str, list[tuple[float, int]]]:
        """(when, how many transitions it tells of) of every message, by kind of channel."""
        slack = [(each.at_s, _size(each.json["text"])) for each in self.slack.received]
        mails = [
            (at_s, _size(str(each["Subject"]))) for each, at_s in zip(self.mail.received, self.mail.at_s, strict=True)
        ]
        return {"slack": slack, "email": mails}


@contextmanager
def receivers() -> Iterator[Receivers]:
    with http_sink() as webhook, http_sink() as slack, mail_sink() as mail:
        yield Receivers(webhook, slack, mail)


def _named(text: str) -> str:
    match = _NAME.search(text)
    assert match is not None, text
    return match[0]


def _size(headline: str) -> int:
    many = _COUNT.search(headline)
    return int(many[1]) if many else 1


def alerts_on_the_page(url: str) -> set[str]:
    """The alerts that somebody sees who follows a digest's link, signs in and turns all pages."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    form = browser.open(f"{url}/login").read().decode()
    token = form.split('name="form_token" value="')[1].split('"')[0]
    browser.open(f"{url}/login", urllib.parse.urlencode({"form_token": token, "api_key": OWNER_KEY}).encode())
    seen: set[str] = set()
    for number in range(1, 201):
        found = set(_ALERT.findall(browser.open(f"{url}/alerts?page={number}").read().decode()))
        if not found:
            break
        seen |= found
    return seen

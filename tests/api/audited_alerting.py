"""What people do on the pages of alerting, as the audit log is to tell it: the same as over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.audited_place import Deed, Place

EVENT_RULES = "/alerts/event-rules"
RULES, CHANNELS, SILENCES, WINDOWS = "/alerts/rules", "/alerts/channels", "/alerts/silences", "/settings/maintenance"
NOTIFICATIONS = "/alerts/notifications"
RULE = {"name": "R", "type": "no_data", "window": "5 min", "covers": "all", "severity": "low"}
CHANNEL = {"name": "C", "type": "webhook", "url": "http://127.0.0.1:9/hook"}
EVENT_RULE = {
    "name": "E",
    "query": "level:error",
    "group_by": "fingerprint",
    "threshold": "2",
    "window": "5m",
    "cooldown": "1h",
    "severity": "low",
    "enabled": "yes",
}
WINDOW = {"name": "W", "kind": "cron", "cron": "0 4 * * *", "duration": "1 h", "timezone": "UTC", "covers": "all"}


FIELDS_OF = {
    RULES: RULE, f"{RULES}/<rule_id>": RULE, CHANNELS: CHANNEL, f"{CHANNELS}/<channel_id>": CHANNEL, WINDOWS: WINDOW,
    f"{WINDOWS}/<window_id>": WINDOW, EVENT_RULES: EVENT_RULE, f"{EVENT_RULES}/<event_rule_id>": EVENT_RULE,
    SILENCES: {"covers": "all", "lasts": "3600"},
    "/settings/status-pages/<page_id>/updates/<update_id>": {"message": "Other words"},
}  # fmt: skip
"""What each form asks for."""


def sent(page: str, action: str, thing: str = "", fields: dict[str, str] | None = None) -> Deed:
    """Open a page and send its form; {} in both is the id of one of what Place makes."""

    def prepare(place: Place) -> Callable[[], Any]:
        made = getattr(place, thing)() if thing else ""
        place.browser.sign_in(place.owner.key)
        return lambda: place.browser.send(page.format(made), action.format(made), **(fields or {}))

    return prepare


def made_event_rule(place: Place) -> Callable[[], Any]:
    fields = {**EVENT_RULE, "project": str(place.reports().project["slug"])}
    return sent(f"{EVENT_RULES}/new", EVENT_RULES, fields=fields)(place)


def resend(place: Place) -> Callable[[], Any]:
    """Its button stands on no page before it has failed; what it asks is the same."""
    made = place.notification()
    place.browser.sign_in(place.owner.key)
    token = place.browser.answer("/account").get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
    return lambda: place.browser.post(f"{NOTIFICATIONS}/{made}/resend", {"form_token": token})


DEEDS_ON_ALERTING_PAGES: dict[tuple[str, str], tuple[Deed, str]] = {
    ("POST", RULES): (sent(f"{RULES}/new?type=no_data", RULES, fields=RULE), "rule.created"),
    ("POST", f"{RULES}/<rule_id>"): (sent(f"{RULES}/{{}}", f"{RULES}/{{}}", "rule", RULE), "rule.updated"),
    ("POST", f"{RULES}/<rule_id>/delete"): (sent(f"{RULES}/{{}}", f"{RULES}/{{}}/delete", "rule"), "rule.deleted"),
    ("POST", EVENT_RULES): (made_event_rule, "rule.created"),
    ("POST", f"{EVENT_RULES}/<event_rule_id>"): (
        sent(f"{EVENT_RULES}/{{}}", f"{EVENT_RULES}/{{}}", "event_rule", EVENT_RULE), "rule.updated",
    ),
    ("POST", f"{EVENT_RULES}/<event_rule_id>/delete"): (
        sent(f"{EVENT_RULES}/{{}}", f"{EVENT_RULES}/{{}}/delete", "event_rule"), "rule.deleted",
    ),
    ("POST", CHANNELS): (sent(f"{CHANNELS}/new?type=webhook", CHANNELS, fields=CHANNEL), "channel.created"),
    ("POST", f"{CHANNELS}/<channel_id>"): (
        sent(f"{CHANNELS}/{{}}", f"{CHANNELS}/{{}}", "channel", CHANNEL), "channel.updated",
    ),
    ("POST", f"{CHANNELS}/<channel_id>/delete"): (
        sent(CHANNELS, f"{CHANNELS}/{{}}/delete", "channel"), "channel.deleted",
    ),
    ("POST", f"{CHANNELS}/<channel_id>/test"): (sent(CHANNELS, f"{CHANNELS}/{{}}/test", "channel"), "channel.tested"),
    ("POST", f"{NOTIFICATIONS}/<notification_id>/resend"): (resend, "notification.resent"),
    ("POST", SILENCES): (sent(SILENCES, SILENCES, fields=FIELDS_OF[SILENCES]), "silence.created"),
    ("POST", f"{SILENCES}/<silence_id>/end"): (sent(SILENCES, f"{SILENCES}/{{}}/end", "silence"), "silence.ended"),
    ("POST", WINDOWS): (sent(f"{WINDOWS}/new", WINDOWS, fields=WINDOW), "maintenance_window.created"),
    ("POST", f"{WINDOWS}/<window_id>"): (
        sent(f"{WINDOWS}/{{}}", f"{WINDOWS}/{{}}", "window", WINDOW), "maintenance_window.updated",
    ),
    ("POST", f"{WINDOWS}/<window_id>/end"): (
        sent(f"{WINDOWS}/{{}}", f"{WINDOWS}/{{}}/end", "window_now"), "maintenance_window.updated",
    ),
    ("POST", f"{WINDOWS}/<window_id>/delete"): (
        sent(f"{WINDOWS}/{{}}", f"{WINDOWS}/{{}}/delete", "window"), "maintenance_window.deleted",
    ),
}  # fmt: skip
"""By route, as in CHANGES (audited_routes.py)."""

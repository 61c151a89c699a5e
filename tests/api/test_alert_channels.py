"""Channels over REST: made, shown without their secrets, changed, tried, and what became of notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from model.ids import new_id
from model.settings import Settings
from store.alert_tables import AlertChannel, Notification
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.channels.http_sink import http_sink
from tests.api.conftest import Client

SLACK = {"name": "Ops", "type": "slack", "config": {"webhook_url": "https://hooks.slack.com/services/T/B/secret"}}
EMAIL = {"name": "Mail", "type": "email", "config": {"recipients": ["ops@example.com"]}}
HOOK = {
    "name": "Bot",
    "type": "webhook",
    "config": {"url": "https://bot.example.com/x?token=secret", "headers": {"Authorization": "Token secret"}},
}


@pytest.fixture
def settings() -> Settings:
    return Settings(public_url="https://tracer.example", allow_nets=("127.0.0.0/8",))


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of("write")


@pytest.mark.parametrize("body", [SLACK, EMAIL, HOOK], ids=lambda body: body["type"])
def test_a_channel_is_made_and_reads_back_without_its_secrets(client: Client, body: dict[str, Any]) -> None:
    made = client.data("POST", "/v1/alert-channels", body, status=201)
    assert made["id"].startswith("chan_")
    secret = made.pop("secret", None)
    assert (secret is not None) == (body["type"] == "webhook")
    shown = client.data("GET", f"/v1/alert-channels/{made['id']}")
    assert shown == made
    assert "secret" not in str(shown)
    assert client.data("GET", f"/v1/alert-channels?type={body['type']}") == [shown]


def test_a_mask_keeps_what_is_stored_and_a_new_value_replaces_it(
    client: Client, database: Database, keyring: Any
) -> None:
    from store.alert_channels import channel_secrets

    made = client.data("POST", "/v1/alert-channels", HOOK, status=201)
    path = f"/v1/alert-channels/{made['id']}"
    changed = client.data("PUT", path, {"config": {"url": "********", "headers": {"X-Other": "new"}}})
    assert changed["config"] == {"url": "********", "headers": {"X-Other": "********"}}
    with database.read(EVERY_ORGANIZATION) as session:
        secrets = channel_secrets(keyring, session.get_one(AlertChannel, made["id"]))
    assert secrets == {"url": HOOK["config"]["url"], "headers.X-Other": "new", "secret": made["secret"]}
    elsewhere = {"url": "https://elsewhere.example/", "headers": {"X-Other": "********"}}
    error = client.error("PUT", path, {"config": elsewhere}, status=422)
    assert "give it anew, or leave it out" in error["fields"]["config.headers.X-Other"][0]
    error = client.error("PUT", path, {"config": {"url": "********", "headers": {"X-New": "********"}}}, status=422)
    assert list(error["fields"]) == ["config.headers.X-New"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**SLACK, "type": "fax"}, "type"),
        ({"name": "x", "config": {}}, "type"),
        ({**SLACK, "config": {}}, "config.webhook_url"),
        ({**SLACK, "config": {"webhook_url": "ftp://example.com/"}}, "config.webhook_url"),
        ({**SLACK, "config": {"webhook_url": "http://169.254.169.254/latest"}}, "config.webhook_url"),
        ({**EMAIL, "config": {"recipients": ["not an address"]}}, "config.recipients.0"),
        ({**EMAIL, "config": {"recipients": ["a@b.example\r\nBcc: c@d.example"]}}, "config.recipients.0"),
        ({**EMAIL, "config": {"recipients": []}}, "config.recipients"),
        ({**HOOK, "config": {"url": "https://x.example", "headers": {"A": "b\r\nC: d"}}}, "config.headers.A"),
        ({**HOOK, "config": {"url": "https://x.example", "colour": "red"}}, "config.colour"),
        ({**HOOK, "id": "chan_01"}, "id"),
        ({**HOOK, "name": ""}, "name"),
        ({"name": "x", "type": "apprise", "config": {"url": "file:///etc/passwd"}}, "config.url"),
        ({"name": "x", "type": "apprise", "config": {"url": "dbus://"}}, "config.url"),
    ],
)
def test_what_is_no_channel_is_refused_by_field(client: Client, body: dict[str, Any], field: str) -> None:
    assert field in client.error("POST", "/v1/alert-channels", body, status=422)["fields"]


def test_a_test_reaches_the_receiver_and_says_what_came_of_it(client: Client, settings: Any) -> None:
    with http_sink() as sink:
        made = client.data("POST", "/v1/alert-channels", {**HOOK, "config": {"url": sink.url}}, status=201)
        result = client.data("POST", f"/v1/webhooks/{made['id']}/test")
        assert (result["delivered"], result["status_code"], result["error"]) == (True, 200, None)
        assert sink.received[0].json["type"] == "alert.test"
        sink.always(500)
        failed = client.data("POST", f"/v1/alert-channels/{made['id']}/test")
        assert (failed["delivered"], failed["status_code"]) == (False, 500)
        assert "ok" not in str(failed["error"]).split()
    slack = client.data("POST", "/v1/alert-channels", SLACK, status=201)
    client.error("POST", f"/v1/webhooks/{slack['id']}/test", status=404)
    for _ in range(8):
        client("POST", f"/v1/webhooks/{made['id']}/test")
    assert client("POST", f"/v1/webhooks/{made['id']}/test").headers["Retry-After"]


def test_deleting_a_channel_names_the_rules_that_tell_nobody_now(client: Client, database: Database) -> None:
    made = client.data("POST", "/v1/alert-channels", SLACK, status=201)
    assert client.data("DELETE", f"/v1/alert-channels/{made['id']}") == {"id": made["id"], "deleted": True}
    client.error("GET", f"/v1/alert-channels/{made['id']}", status=404)
    client.error("GET", "/v1/alert-channels/mon_123456", status=404)


def test_what_could_not_be_delivered_is_listed_and_sent_again(
    client: Client, database: Database, organization: str
) -> None:
    made = client.data("POST", "/v1/alert-channels", HOOK, status=201)
    failed = new_id("ntf", 1)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            Notification(
                id=failed, organization_id=organization, notice_id="ntc_1", channel_id=made["id"], event="notice",
                number=1, status="failed", attempts=9, created_ms=1, next_ms=1, last_error="it refused",
                grouped=False, fallback=False, payload={"type": "notice"},
            )
        )  # fmt: skip
    [row] = client.data("GET", "/v1/notifications?status=failed")
    assert (row["id"], row["last_error"], row["attempts"]) == (failed, "it refused", 9)
    again = client.data("POST", f"/v1/notifications/{failed}/resend")
    assert (again["status"], again["attempts"]) == ("pending", 0)
    assert client.data("GET", "/v1/notifications?status=failed") == []
    client.error("POST", "/v1/notifications/ntf_000000/resend", status=404)
    client.error("GET", "/v1/notifications?status=lost", status=422)

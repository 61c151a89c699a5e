"""What arrives in Slack: Block Kit within its limits, and nothing a target says calls anybody or becomes a link."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.channels.base import Delivered, Undelivered
from alerts.messages.sample import sample_payload
from tests.alerts.channels.bench import PUBLIC_URL, channel, payload, send
from tests.alerts.channels.http_sink import http_sink

HOSTILE = (
    "<!channel>", "<!here|x>", "<@U012AB3CD>", "<https://evil.example|log in>", "*bold* _it_ `code`",
    "&lt;!channel&gt;", "a\r\nb\x00\x1b[31mc", "\u202egnp.exe", "x" * 10_000, "<" * 5_000, "@channel @here",
)  # fmt: skip


def posted(*payloads: dict[str, Any]) -> dict[str, Any]:
    """The message that a workspace is sent."""
    with http_sink() as sink:
        answer = send(channel("slack", webhook_url=f"{sink.url}/services/T/B/x"), *payloads)
        assert isinstance(answer, Delivered), answer
        [received] = sink.received
        message: dict[str, Any] = received.json
        return message


def texts(value: Any) -> list[str]:
    """Every string of a message but its addresses."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key not in ("url", "action_id") for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def within_limits(message: dict[str, Any]) -> None:
    """https://docs.slack.dev/reference/block-kit/blocks"""
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        assert len(block.get("block_id", "")) <= 255
        if block["type"] == "header":
            assert 0 < len(block["text"]["text"]) <= 150
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3_000
        if block["type"] == "rich_text":
            assert 0 < sum(len(text) for text in texts(block["elements"])) <= 3_000
            continue
        for element in block.get("elements", ()):
            assert len(element["text"]["text"]) <= 75
            assert len(element["url"]) <= 3_000


def buttons(message: dict[str, Any]) -> dict[str, str]:
    return {
        element["text"]["text"]: element["url"]
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


def links(message: dict[str, Any]) -> dict[str, str]:
    """Of a digest: title -> address."""
    return {
        part["text"]: part["url"]
        for block in message["blocks"]
        if block["type"] == "rich_text"
        for section in block["elements"]
        for part in section["elements"]
        if part["type"] == "link"
    }


def test_it_says_what_broke_since_when_how_bad_from_where_and_what_to_do() -> None:
    message = posted(payload())
    within_limits(message)
    whole = "\n".join(texts(message))
    for said in (
        "Shop is down", "CRITICAL", "3 failed runs in a row", "10:30:00", "3 min ago", "eu-west, us-east (2 needed)",
        "https://shop.example/", "Last good run: ", "10:29:00", "Also affected: Checkout",
    ):  # fmt: skip
        assert said in whole, said
    assert buttons(message) == {
        "Acknowledge": f"{PUBLIC_URL}/ack/alr_01hm6aqh20abcdefghjk.signed",
        "Runbook": "https://wiki.example/shop",
        "Alert": f"{PUBLIC_URL}/alerts/alr_01hm6aqh20abcdefghjk",
        "Run": f"{PUBLIC_URL}/runs/run_3",
    }


def test_a_recovery_has_the_same_form_and_nothing_to_acknowledge() -> None:
    message = posted(payload("resolved"))
    within_limits(message)
    whole = "\n".join(texts(message))
    assert "RESOLVED" in whole
    assert "Shop has recovered" in whole
    assert "Lasted: 3 min" in whole
    assert "Acknowledge" not in buttons(message)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_target_says_is_text_and_nothing_else(text: str) -> None:
    hostile = payload(title=text, cause=text)
    hostile["data"]["check"] |= {"name": text, "target": text, "description": text}
    hostile["data"]["run"]["error"]["message"] = text
    for message in (posted(hostile), posted(hostile, payload())):
        within_limits(message)
        assert message["link_names"] is False
        assert message["mrkdwn"] is False
        for each in texts(message):
            assert "<" not in each
            assert ">" not in each
            assert all(character == "\n" or character.isprintable() for character in each)
        kinds = {
            part["type"]
            for block in message["blocks"]
            for part in (block.get("text"), *block.get("elements", ()))
            if part
        }
        assert kinds <= {"plain_text", "button", "rich_text_section"}


def test_a_digest_names_every_alert_and_says_how_many_are_behind_its_link() -> None:
    few = posted(*(payload(id=f"alr_{number}", title=f"Check {number} is down") for number in range(40)))
    within_limits(few)
    whole = "\n".join(texts(few))
    assert all(f"Check {number} is down" in whole for number in range(40))
    titles = {f"Check {number} is down": f"{PUBLIC_URL}/alerts/alr_{number}" for number in range(40)}
    assert {title.removeprefix("Shop: "): url for title, url in links(few).items()} == titles
    assert whole.count(" · eu-west, us-east · since 2024-01-15 10:30:00 UTC") == 40
    assert "40 alerts at once: 40 triggered" in few["text"]
    many = posted(*(payload(id=f"alr_{number}", title=f"Check {number} is down") for number in range(5_000)))
    within_limits(many)
    named = sum(text.count(" is down") for text in texts(many))
    [(label, url)] = buttons(many).items()
    assert label == f"All alerts, {5_000 - named} more than fit here"
    assert url == f"{PUBLIC_URL}/alerts"


def test_a_digest_tells_the_worst_first_and_good_news_last() -> None:
    message = posted(payload("resolved"), payload(severity="low", title="Minor"), payload(title="Major"))
    whole = "\n".join(texts(message))
    assert whole.index("Major") < whole.index("Minor") < whole.index("has recovered")


def test_a_notice_and_a_test_say_what_they_are() -> None:
    notice = {
        "type": "notice",
        "timestamp": "2024-01-15T10:33:00.000Z",
        "data": {
            "id": "ntc_1", "at": "2024-01-15T10:33:00.000Z", "kind": "disk_low", "severity": "high",
            "message": "The disk is nearly full", "link": f"{PUBLIC_URL}/settings", "resolved_at": None,
        },
    }  # fmt: skip
    assert posted(notice)["text"] == "[NOTICE] Tracer: The disk is nearly full"
    sample = posted(sample_payload("Ops", 1_705_314_600_000))
    assert sample["text"] == "[TEST] Test of the channel Ops"
    assert "there is nothing to do" in "\n".join(texts(sample))


def test_the_address_is_in_no_sentence() -> None:
    with http_sink() as sink:
        sink.always(404)
        answer = send(channel("slack", webhook_url=f"{sink.url}/services/T/B/secret"))
    assert isinstance(answer, Undelivered)
    assert "secret" not in str(answer)
    assert "/services" not in str(answer)

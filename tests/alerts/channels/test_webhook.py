"""Webhooks: signed as the standard has it, never led elsewhere, never larger than 20 kB, and saying nothing of what the
receiver answered."""

from __future__ import annotations

import base64
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook as Verifier

from alerts.channels.base import Delivered, Undelivered
from alerts.channels.http import retry_after_s
from alerts.channels.webhook import MAX_BODY, body_of, new_signing_secret, signature
from alerts.messages.links import with_links
from alerts.messages.sample import sample_payload
from tests.alerts.channels.bench import PUBLIC_URL, SECRET, channel, payload, send
from tests.alerts.channels.http_sink import Answer, http_sink


def test_a_verifier_that_is_not_ours_accepts_it_and_the_id_is_the_notifications() -> None:
    with http_sink() as sink:
        now_s = int(datetime.now(UTC).timestamp())
        assert send(channel("webhook", url=f"{sink.url}/hook"), at_s=now_s) == Delivered(200)
        (received,) = sink.received
    assert received.headers["webhook-id"] == "ntf_00000000000000000000000a"
    assert received.headers["webhook-timestamp"] == str(now_s)
    assert received.headers["content-type"] == "application/json"
    Verifier(SECRET).verify(received.body, received.headers)
    assert received.json == with_links(payload(), PUBLIC_URL)
    altered = received.body.replace(b"critical", b"low")
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(SECRET).verify(altered, received.headers)


def test_it_leads_to_the_pages_of_the_alert_and_the_run_and_to_the_picture_of_the_step_that_failed() -> None:
    told = payload()
    step = {"index": 1, "type": "click", "name": "Sign in", "error": "it is covered by `#banner`"}
    told["data"]["run"]["failed_step"] = {**step, "has_screenshot": True}
    with http_sink() as sink:
        send(channel("webhook", url=sink.url), told)
        del told["data"]["run"]
        send(channel("webhook", url=sink.url), told)
        first, second = (received.json["data"] for received in sink.received)
    assert first["alert"]["url"] == f"{PUBLIC_URL}/alerts/{first['alert']['id']}"
    assert first["run"]["url"] == f"{PUBLIC_URL}/runs/run_3"
    assert first["run"]["failed_step"] == {**step, "screenshot_url": f"{PUBLIC_URL}/runs/run_3#step-2"}
    assert second["alert"]["url"] == first["alert"]["url"]


def test_a_test_leads_to_tracer_itself_and_a_picture_that_was_not_taken_nowhere() -> None:
    assert with_links(sample_payload("Hook", 0), PUBLIC_URL)["data"]["alert"]["url"] == PUBLIC_URL
    told = payload()
    told["data"]["run"]["failed_step"] = {"index": 1, "has_screenshot": False}
    assert with_links(told, PUBLIC_URL)["data"]["run"]["failed_step"] == {"index": 1, "screenshot_url": None}


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body) == expected


def test_a_secret_is_as_long_as_the_specification_asks() -> None:
    made = new_signing_secret()
    assert made.startswith("whsec_")
    assert 24 <= len(base64.b64decode(made.removeprefix("whsec_"))) <= 64
    assert made != new_signing_secret()


def test_headers_go_along_and_ours_cannot_be_given() -> None:
    with http_sink() as sink:
        hook = channel("webhook", url=sink.url, headers={"Authorization": "Token abc", "X-Team": "ops"})
        assert send(hook) == Delivered(200)
        (received,) = sink.received
    assert (received.headers["authorization"], received.headers["x-team"]) == ("Token abc", "ops")
    for name in ("webhook-id", "Webhook-Signature", "Content-Type", "Host", "Content-Length", "X\r\nY", "a b"):
        with pytest.raises(ValidationError):
            channel("webhook", url="https://example.com/", headers={name: "1"})
    with pytest.raises(ValidationError):
        channel("webhook", url="https://example.com/", headers={"X-A": "1\r\nX-B: 2"})


def test_user_and_password_of_the_address_are_sent_as_a_header() -> None:
    with http_sink() as sink:
        send(channel("webhook", url=f"http://me:p%40ss@127.0.0.1:{sink.port}/"))
        (received,) = sink.received
    assert base64.b64decode(received.headers["authorization"].removeprefix("Basic ")) == b"me:p@ss"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    with http_sink() as elsewhere, http_sink() as sink:
        sink.always(status, Location=elsewhere.url)
        answer = send(channel("webhook", url=sink.url))
        assert isinstance(answer, Undelivered)
        assert answer.status_code == status
        assert "redirects are not followed" in str(answer)
        assert elsewhere.received == []


@pytest.mark.parametrize(
    ("status", "permanent", "gone"),
    [
        (400, True, False), (401, True, False), (404, True, False), (410, True, True), (413, True, False),
        (408, False, False), (425, False, False), (429, False, False), (500, False, False), (503, False, False),
    ],
)  # fmt: skip
def test_what_is_worth_another_try(status: int, permanent: bool, gone: bool) -> None:
    with http_sink() as sink:
        sink.answer = lambda _received: Answer(status, {"Retry-After": "7"}, b"a secret of the inner network")
        answer = send(channel("webhook", url=sink.url))
    assert isinstance(answer, Undelivered)
    assert (answer.permanent, answer.gone, answer.status_code) == (permanent, gone, status)
    assert answer.retry_after_s == (None if permanent else 7)
    assert "secret of the inner network" not in str(answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/",
    ],
)  # fmt: skip
def test_an_inner_address_is_refused_for_good_and_nothing_arrives(url: str) -> None:
    with http_sink() as sink:
        answer = send(channel("webhook", url=url.format(port=sink.port)), allow=())
        assert sink.received == []
    assert isinstance(answer, Undelivered)
    assert answer.permanent
    assert "not sent" in str(answer)
    assert "TRACER_ALLOW_NETS" in str(answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://2852039166/",
        "http://[::ffff:169.254.169.254]/", "ftp://example.com/", "javascript:alert(1)", "example.com", "http://",
        "http://exa mple.com/",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "field"), [("webhook", "url"), ("slack", "webhook_url")])
def test_an_address_that_can_never_be_right_is_refused_when_it_is_given(kind: str, field: str, url: str) -> None:
    with pytest.raises(ValidationError):
        channel(kind, **{field: url})


def test_a_receiver_that_speaks_no_http_or_hangs_up_may_come_back() -> None:
    for said in (b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 100_000 + b"\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def answer(server: socket.socket = listening, said: bytes = said) -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            result = send(channel("webhook", url=f"http://127.0.0.1:{listening.getsockname()[1]}/"))
            thread.join()
        assert isinstance(result, Undelivered), said
        assert not result.permanent


def test_a_body_that_is_too_large_is_cut_and_says_the_same() -> None:
    large = payload(cause="x" * 50_000, also_affected=[{"id": f"mon_{n}", "name": "n" * 200} for n in range(500)])
    body = body_of(large)
    assert len(body) < MAX_BODY
    shown = json.loads(body)
    assert shown["type"] == "alert.triggered"
    assert shown["data"]["alert"]["id"] == large["data"]["alert"]["id"]
    assert shown["data"]["alert"]["cause"].endswith("…")


def test_retry_after_is_read_in_both_forms_and_never_for_longer_than_a_day() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after_s("120") == 120
    assert 90 < (retry_after_s(soon) or 0) <= 100
    assert retry_after_s("99999999999999999999") == 86_400
    assert retry_after_s("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    for nonsense in (None, "", "soon", "-5", "1.5", "٣"):
        assert retry_after_s(nonsense) is None

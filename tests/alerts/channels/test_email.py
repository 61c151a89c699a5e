"""Mail: text and HTML that say the same, one thread an alert, nothing injected, and every way to a mail server."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import trustme
from pydantic import ValidationError

from alerts.channels.base import Delivered, Undelivered
from alerts.channels.http import authorities
from cli.environment import SettingsError, read_settings
from model.smtp import MailServer, parse_smtp_url
from model.validation import field_errors
from tests.alerts.channels.bench import PUBLIC_URL, channel, payload, send
from tests.alerts.channels.mail_sink import MailSink, mail_sink

OPS = {"recipients": ["ops@example.com", "boss@example.com"]}


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as made:
        yield made


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with authority.cert_pem.tempfile() as path:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        authorities.cache_clear()
        yield
    authorities.cache_clear()


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def mail(sink: MailSink, *payloads: dict[str, object], **settings: str) -> EmailMessage:
    url = f"smtp://127.0.0.1:{sink.port}"
    answer = send(channel("email", **OPS), *payloads, smtp_url=url, smtp_from="Tracer <tracer@example.org>", **settings)
    assert answer == Delivered(250), answer
    return sink.received[-1]


def text_of(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_it_says_what_broke_since_when_how_bad_from_where_and_what_to_do(sink: MailSink) -> None:
    message = mail(sink, payload())
    assert message["Subject"] == "[CRITICAL] Shop is down"
    assert message["From"] == "Tracer <tracer@example.org>"
    assert message["To"] == "ops@example.com, boss@example.com"
    assert sink.envelopes == [("tracer@example.org", ["ops@example.com", "boss@example.com"])]
    for text in (text_of(message, "plain"), text_of(message, "html")):
        for said in (
            "3 failed runs in a row at eu-west", "2024-01-15 10:30:00 UTC (3 min ago)", "critical", "eu-west, us-east",
            "2024-01-15 10:29:00 UTC", "https://wiki.example/shop", "Checkout", "https://shop.example/",
            f"{PUBLIC_URL}/alerts/alr_01hm6aqh20abcdefghjk", f"{PUBLIC_URL}/runs/run_3",
            f"{PUBLIC_URL}/ack/alr_01hm6aqh20abcdefghjk.signed",
        ):  # fmt: skip
            assert said in text, said


def test_good_news_reads_like_good_news_and_offers_nothing_to_acknowledge(sink: MailSink) -> None:
    message = mail(sink, payload("resolved"))
    assert message["Subject"] == "[RESOLVED] Shop has recovered"
    assert "Lasted: 3 min" in text_of(message, "plain")
    assert "/ack/" not in text_of(message, "html")


def test_all_mails_of_an_alert_are_one_thread_and_each_has_the_id_of_its_notification(sink: MailSink) -> None:
    messages = [mail(sink, payload(event)) for event in ("triggered", "acknowledged", "resolved")]
    assert len({message["References"] for message in messages}) == 1
    assert messages[0]["References"] == messages[0]["In-Reply-To"]
    assert messages[0]["Message-ID"] == "<ntf_00000000000000000000000a@example.org>"
    other = mail(sink, payload(id="alr_other000"))
    assert other["References"] != messages[0]["References"]


def test_a_digest_says_of_each_alert_where_since_when_and_where_to_read_more(sink: MailSink) -> None:
    message = mail(sink, payload(id="alr_1", title="Shop is slow"), payload("resolved", id="alr_2"))
    for text in (text_of(message, "plain"), text_of(message, "html")):
        for said in (
            "Shop is slow", "eu-west, us-east · since 2024-01-15 10:30:00 UTC", f"{PUBLIC_URL}/alerts/alr_1",
            "Shop has recovered", "since 2024-01-15 10:30:00 UTC · lasted 3 min", f"{PUBLIC_URL}/alerts/alr_2",
        ):  # fmt: skip
            assert said in text, said


HOSTILE = [
    "down\r\nBcc: victim@example.com", "down\nSubject: other", "\r\n.\r\nMAIL FROM:<a@b.c>",
    "<script>alert(1)</script>", "a\u2028b\u202ec\u0000d", "=?utf-8?q?Bcc:_x?=", "<!channel> & \"quotes\" '",
    "x" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_target_is_text_and_nothing_else(sink: MailSink, text: str) -> None:
    given = payload(title=text, cause=text, rule_name=text)
    given["data"]["check"]["name"] = text
    given["data"]["run"]["error"]["message"] = text
    message = mail(sink, given)
    assert set(message.keys()) == {
        "From", "To", "Date", "Message-ID", "Auto-Submitted", "Subject", "In-Reply-To", "References", "X-Tracer-Event",
        "MIME-Version", "Content-Type",
    } | ({"X-Peer"} & set(message.keys()))  # fmt: skip
    assert sink.envelopes[-1][1] == OPS["recipients"]
    assert len(message["Subject"]) <= 260
    page = text_of(message, "html")
    assert "<script>" not in page
    assert "<!channel>" not in page


def test_one_refused_recipient_is_said_and_the_others_get_it(sink: MailSink) -> None:
    sink.refuse["boss@example.com"] = "550 no such user"
    answer = send(channel("email", **OPS), smtp_url=f"smtp://127.0.0.1:{sink.port}")
    assert answer == Delivered(250, "refused by the mail server: boss@example.com (550)")
    sink.refuse["ops@example.com"] = "550 no such user"
    nobody = send(channel("email", **OPS), smtp_url=f"smtp://127.0.0.1:{sink.port}")
    assert isinstance(nobody, Undelivered)
    assert nobody.permanent
    sink.refuse = dict.fromkeys(OPS["recipients"], "450 greylisted")
    later = send(channel("email", **OPS), smtp_url=f"smtp://127.0.0.1:{sink.port}")
    assert isinstance(later, Undelivered)
    assert not later.permanent


def test_starttls_is_used_where_it_is_offered_whoever_signed_it(authority: trustme.CA) -> None:
    with mail_sink(starttls=server_context(authority)) as sink:
        mail(sink, payload())
        assert sink.encrypted == [True]


def test_with_a_password_the_server_has_to_prove_who_it_is(
    authority: trustme.CA, request: pytest.FixtureRequest
) -> None:
    with mail_sink(starttls=server_context(authority), login=True) as sink:
        url = f"smtp://me:right@127.0.0.1:{sink.port}"
        answer = send(channel("email", **OPS), smtp_url=url)
        assert isinstance(answer, Undelivered)
        assert sink.logins == []
        request.getfixturevalue("trusted")
        assert send(channel("email", **OPS), smtp_url=url) == Delivered(250)
        assert sink.logins == [("me", "right")]
        wrong = send(channel("email", **OPS), smtp_url=url.replace("right", "wrong"))
        assert isinstance(wrong, Undelivered)
        assert not wrong.permanent
        assert "TRACER_SMTP_URL" in str(wrong)


def test_smtps_is_tls_from_the_first_byte(authority: trustme.CA, trusted: None) -> None:
    with mail_sink(tls=server_context(authority)) as sink:
        assert send(channel("email", **OPS), smtp_url=f"smtps://127.0.0.1:{sink.port}") == Delivered(250)
        assert sink.encrypted == [True]
    with mail_sink(tls=server_context(authority, "other.example")) as impostor:
        answer = send(channel("email", **OPS), smtp_url=f"smtps://127.0.0.1:{impostor.port}")
        assert isinstance(answer, Undelivered)
        assert impostor.received == []


def test_without_a_mail_server_the_sentence_says_what_to_set() -> None:
    answer = send(channel("email", **OPS))
    assert isinstance(answer, Undelivered)
    assert not answer.permanent
    assert "TRACER_SMTP_URL" in str(answer)


@pytest.mark.parametrize(
    "recipient",
    [
        "", "ops", "@example.com", "ops@", "ops@example.com\r\nBcc: x@y.z", "ops@example.com,x@y.z", "a b@example.com",
        "Ops <ops@example.com>", "ops@[127.0.0.1]", "ops@127.0.0.1", '"a b"@example.com', "ops@exa mple.com",
        "a@b@c..d",
    ],
)  # fmt: skip
def test_a_recipient_that_is_no_address_is_refused(recipient: str) -> None:
    with pytest.raises(ValidationError):
        channel("email", recipients=[recipient])


def test_of_bad_recipients_only_what_is_wrong_is_said() -> None:
    def said(*recipients: str) -> dict[str, list[str]]:
        with pytest.raises(ValidationError) as refused:
            channel("email", recipients=recipients)
        return field_errors(refused.value)

    assert said("ops", "ops@example.com") == {"recipients.0": ["must be a mail address such as ops@example.com"]}
    assert said("ops", "boss").keys() == {"recipients.0", "recipients.1"}
    assert said() == {"recipients": ["must have at least 1 entry"]}


def test_a_recipient_named_twice_is_kept_once() -> None:
    twice = ["ops@example.com", "boss@example.com", "ops@example.com", "ops@EXAMPLE.com", "Ops@example.com"]
    kept = channel("email", recipients=twice).model_dump(mode="json")["recipients"]
    assert kept == ["ops@example.com", "boss@example.com", "Ops@example.com"]


def test_a_mail_server_as_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_smtp_url("smtp://mail.example.com") == MailServer("mail.example.com", 25, False)
    assert parse_smtp_url("smtps://me%40x:p%2Fw@Mail.example.com:4650") == MailServer(
        "mail.example.com", 4650, True, "me@x", "p/w"
    )
    for wrong in (
        "http://mail",
        "smtp://",
        "mail.example.com:25",
        "smtp://me:hunter2@mail:99999",
        "smtp://u:hunter2#@h",
    ):
        monkeypatch.setenv("TRACER_SMTP_URL", wrong)
        with pytest.raises(SettingsError, match="TRACER_SMTP_URL") as refused:
            read_settings()
        assert "hunter2" not in str(refused.value)
    monkeypatch.delenv("TRACER_SMTP_URL")
    monkeypatch.setenv("TRACER_SMTP_FROM", "Tracer\r\nBcc: x <tracer@example.com>")
    with pytest.raises(SettingsError, match="TRACER_SMTP_FROM"):
        read_settings()

"""Updates of a status page by mail, through a real mail server: asked, confirmed, told once, ended by one click."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

import pytest
from flask import Flask
from sqlalchemy import select

from alerts.status_mails import LetterSender
from api import attempts
from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.status_mails import LETTER_CLAIM_MS
from store.status_subscribers import CONFIRM_MS, forget_unconfirmed
from store.status_tables import StatusMail, StatusSubscriber
from tests.alerts.channels.mail_sink import MailSink, mail_sink
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.world import Browser
from tests.api.status_world import PAGES, StatusWorld, status_world
from tests.conftest import Clock

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ANN = "ann@example.com"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as made:
        yield made


@pytest.fixture
def settings(sink: MailSink) -> Settings:
    url = f"smtp://127.0.0.1:{sink.port}"
    return Settings(public_url=PUBLIC_URL, smtp_url=url, smtp_from="Acme <status@acme.example>")


@pytest.fixture
def world(owner: Client, database: Database, organization: str, clock: Clock) -> StatusWorld:
    return status_world(owner, database, organization, clock.now_ms)


class Post:
    """Sends what is due, as the outbox's thread does."""

    def __init__(self, database: Database, keyring: Keyring, settings: Settings) -> None:
        self._parts = database, keyring, settings

    def round(self, *, dies_at: str = "") -> int:
        def reached(point: str, _ids: Sequence[str]) -> None:
            if point == dies_at:
                raise ConnectionAbortedError

        async def once() -> int:
            return await LetterSender(*self._parts, "test", reached=reached).round()

        return asyncio.run(once())


@pytest.fixture
def post(database: Database, keyring: Keyring, settings: Settings) -> Post:
    return Post(database, keyring, settings)


def link_in(sink: MailSink, deed: str) -> str:
    body = sink.received[-1].get_body(("plain",))
    assert body is not None
    [found] = re.findall(rf"{re.escape(PUBLIC_URL)}(/status/acme/{deed}/\S+)", body.get_content())
    return str(found)


def ask(browser: Browser, email: str = ANN, *, status: int = 200) -> str:
    answer = browser.post("/status/acme/subscribe", {"email": email})
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def test_updates_come_once_the_owner_of_the_address_said_so_until_they_leave(
    world: StatusWorld, browser: Browser, sink: MailSink, post: Post
) -> None:
    assert "Subscribe" in browser.get("/status/acme").text
    first = ask(browser)
    world.post(message="Not for her yet.")
    assert post.round() == 1
    assert [message["To"] for message in sink.received] == [ANN]
    assert "Not for her" not in str(sink.received[0])
    confirm = link_in(sink, "confirm")
    browser.get(confirm)  # as mail scanners do
    assert world.owner.data("GET", f"{PAGES}/{world.page}")["subscribers"] == 0
    for _ in range(2):
        assert browser.post(confirm, {}).status_code == 200
    assert world.owner.data("GET", f"{PAGES}/{world.page}")["subscribers"] == 1
    assert ask(browser) == first  # nobody learns by it that she has subscribed
    world.post(message="Cards are refused.\nSorry.", title="Cards", components=[world.checks["Checkout"]])
    assert (post.round(), post.round()) == (1, 0)
    told = sink.received[-1]
    assert told["Subject"] == "[Acme] Investigating: Cards"
    assert told["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = link_in(sink, "unsubscribe")
    line = f"List-Unsubscribe: <{PUBLIC_URL}{leave}>\r\n"
    assert line.encode() in sink.raw[-1], "as it is, in one line: mail programs read nothing else"
    assert "Cards are refused.\r\nSorry." in str(told.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    browser.get(leave)
    assert world.owner.data("GET", f"{PAGES}/{world.page}")["subscribers"] == 1
    one_click = browser.client.post(leave, data={"List-Unsubscribe": "One-Click"}, base_url=PUBLIC_URL)
    assert one_click.status_code == 200
    assert world.owner.data("GET", f"{PAGES}/{world.page}")["subscribers"] == 0
    assert "no mails" in browser.get(leave).text
    world.post("resolved", "Over.", incident="new")
    assert post.round() == 0


@pytest.mark.parametrize("point", ["claimed", "sent"])
def test_a_sender_that_dies_loses_nothing(
    world: StatusWorld, browser: Browser, sink: MailSink, post: Post, clock: Clock, point: str
) -> None:
    ask(browser)
    with pytest.raises(ConnectionAbortedError):
        post.round(dies_at=point)
    assert post.round() == 0  # it may still be at work
    clock.advance(LETTER_CLAIM_MS)
    assert post.round() == 1
    assert {message["Message-ID"] for message in sink.received} == {sink.received[0]["Message-ID"]}


@sqlite_only
def test_a_mail_that_is_refused_is_tried_again_or_given_up(
    world: StatusWorld, browser: Browser, sink: MailSink, post: Post, clock: Clock, database: Database
) -> None:
    sink.reply = "451 later"
    ask(browser)
    assert (post.round(), post.round()) == (1, 0)
    clock.advance(1_000)
    sink.reply = "554 never"
    assert post.round() == 1
    clock.advance(3_600_000)
    assert post.round() == 0
    with database.read(EVERY_ORGANIZATION) as session:
        mail = session.scalars(select(StatusMail)).one()
    assert (mail.status, mail.attempts) == ("failed", 2)


@sqlite_only
def test_a_forged_link_a_bad_address_and_another_site_are_refused(
    world: StatusWorld, browser: Browser, sink: MailSink, post: Post
) -> None:
    ask(browser)
    post.round()
    confirm = link_in(sink, "confirm")
    altered = confirm[:-1] + ("A" if confirm[-1] != "A" else "B")
    for path in (altered, confirm.replace("confirm", "unsubscribe")):
        assert browser.post(path, {}).status_code == 404
    bad = ask(browser, "no address", status=422)
    assert 'value="no address"' in bad
    assert "must be a mail address" in bad
    ask(browser, "a@example.com\nBcc: b@example.com", status=422)
    foreign = browser.post("/status/acme/subscribe", {"email": ANN}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


@sqlite_only
def test_nobody_fills_mailboxes(world: StatusWorld, browser: Browser, post: Post, clock: Clock) -> None:
    for _ in range(3):
        ask(browser)
    assert post.round() == 1
    for number in range(2):
        ask(browser, f"b{number}@example.com")
    ask(browser, "c@example.com", status=429)
    clock.advance(600_001)
    assert post.round() == 2


@sqlite_only
def test_an_address_whose_owner_never_answers_is_forgotten(
    world: StatusWorld, browser: Browser, database: Database, clock: Clock
) -> None:
    ask(browser)
    clock.advance(CONFIRM_MS)
    forget_unconfirmed(database)
    clock.advance(1)
    forget_unconfirmed(database)
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(StatusSubscriber)).all() == []


@sqlite_only
def test_without_a_mail_server_there_is_nothing_to_subscribe_to(
    world: StatusWorld, app: Flask, browser: Browser, database: Database, keyring: Keyring
) -> None:
    install(app, Services(database, keyring, Settings(public_url=PUBLIC_URL)))
    attempts.install(app)
    assert "by mail" not in browser.get("/status/acme").text
    ask(browser, status=404)

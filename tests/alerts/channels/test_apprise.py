"""apprise is kept in: listed services only, no address that the guard refuses, no message longer than its time."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from alerts.channels import apprise as module
from alerts.channels.apprise_child import Asked, Told
from alerts.channels.base import Delivered, Undelivered
from alerts.messages.digest import digest
from alerts.messages.plain import plain_digest
from alerts.messages.told import told as told_of
from tests.alerts.channels.bench import PUBLIC_URL, channel, payload, send
from tests.alerts.channels.http_sink import http_sink


@pytest.mark.parametrize(
    "url",
    [
        "dbus://", "syslog://", "rsyslog://127.0.0.1/", "glib://", "macosx://", "windows://", "fcm://p@k/?keyfile=/etc/x",
        "vapid://a@example.com/?keyfile=/etc/passwd", "file:///etc/passwd", "json://127.0.0.1/", "mailto://a:b@c.com",
        "apprise://127.0.0.1/token", "exec:///bin/sh", "unknown://x", "tgram", "", "tgram://a\r\nb",
    ],
)  # fmt: skip
def test_what_is_not_listed_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        channel("apprise", url=url)


def test_an_address_that_apprise_does_not_understand_is_a_mistake() -> None:
    assert channel("apprise", url="tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12345/").mistakes() == {}
    assert "apprise understands" in channel("apprise", url="tgram://nonsense").mistakes()["url"]


def test_an_inner_address_is_refused_in_the_child_for_good() -> None:
    with http_sink() as sink:
        answer = send(channel("apprise", url=f"gotify://localhost:{sink.port}/AbCdEfGhIjKlMnO"), allow=())
        assert sink.received == []
    assert isinstance(answer, Undelivered)
    assert answer.permanent
    assert "which is not a public address" in str(answer)


def test_a_redirect_to_an_inner_address_is_refused_too() -> None:
    with http_sink() as inner, http_sink() as sink:
        sink.always(307, Location=f"http://127.0.0.2:{inner.port}/")
        hook = channel("apprise", url=f"gotify://127.0.0.1:{sink.port}/AbCdEfGhIjKlMnO")
        answer = send(hook, allow=("127.0.0.1/32",))
        assert inner.received == []
    assert isinstance(answer, Undelivered)


def test_text_of_a_target_calls_nobody() -> None:
    with http_sink() as sink:
        text = "@everyone <!channel> <@U123> <b>down</b>"
        assert isinstance(
            send(channel("apprise", url=f"ntfy://127.0.0.1:{sink.port}/alerts"), payload(cause=text, title=text)),
            Delivered,
        )
        (received,) = sink.received
    shown = f"{received.json['title']} {received.json['message']}"
    for live in ("@everyone", "<!channel>", "<@U123>", "<b>"):
        assert live not in shown
    assert "everyone" in shown


def test_a_service_that_hangs_ends_with_its_time_and_all_it_started_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_TIMEOUT_S", 3.0)
    started: list[int] = []
    begin = asyncio.create_subprocess_exec

    async def noting(*command: str, **options: object) -> asyncio.subprocess.Process:
        child = await begin(*command, **options)  # type: ignore[arg-type]
        started.append(child.pid)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noting)
    with http_sink() as sink:
        sink.hold.clear()
        answer = send(channel("apprise", url=f"ntfy://127.0.0.1:{sink.port}/alerts"))
    assert isinstance(answer, Undelivered)
    assert not answer.permanent
    assert "did not answer" in str(answer)
    with pytest.raises(ProcessLookupError):
        os.killpg(started[0], 0)


def _child(code: str) -> subprocess.CompletedProcess[bytes]:
    """The child's guard, set as the child sets it, with other code in apprise's place."""
    program = (
        "import sys\nfrom alerts.channels.apprise_child import Guard\n"
        "from model.addresses import AddressPolicy\nsys.addaudithook(Guard(AddressPolicy()))\n" + code
    )
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.execv('/bin/true', ['true'])",
        "import socket; socket.socket().connect(('127.0.0.1', 1))",
        "import socket; socket.socket().connect_ex(('10.0.0.1', 1))",
        "import socket; socket.socket(socket.AF_INET6).connect(('::1', 1))",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('169.254.169.254', 53))",
        "import socket; socket.socket(socket.AF_UNIX).connect('/run/x')",
    ],
)
def test_the_guard_lets_nothing_out_and_nothing_start(code: str) -> None:
    done = _child(code)
    assert done.returncode != 0
    assert b"PermissionError" in done.stderr


def test_the_child_knows_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_SECRET_KEYS", "k1:secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert not {name for name in module._environment() if name.startswith("TRACER_") or "PROXY" in name}


def test_a_question_is_answered_by_the_child_alone() -> None:
    asked = msgspec.json.encode(Asked("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"))
    done = subprocess.run(module._COMMAND, input=asked, capture_output=True, timeout=60, check=True, cwd=Path("/"))
    assert msgspec.json.decode(done.stdout, type=Told).delivered


def test_a_digest_names_links_and_counts_within_what_a_chat_shows() -> None:
    alerts = [payload(id=f"alr_{number}") for number in range(50)]
    whole = digest([told_of(each, PUBLIC_URL, lambda _: None) for each in alerts], PUBLIC_URL)
    text = plain_digest(whole, module._ROOM)
    shown = text.count("Shop is down · eu-west, us-east · since 2024-01-15 10:30:00 UTC\n  " + PUBLIC_URL)
    assert 5 < shown < 50
    assert f"and {50 - shown} more, all of them here: {PUBLIC_URL}/alerts" in text
    assert len(text) < module._ROOM + 100

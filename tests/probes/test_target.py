"""What a person types at the command line becomes the check they mean, or a sentence."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.outcome import RunStatus
from probes.once import run_once
from probes.target import TargetError, definition_of
from tests.probes.http_bench import LOOPBACK, answering, run, serving
from tests.probes.http_bench import OK as HTTP_OK


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("https://example.com/health?a=b", {"type": "url", "url": "https://example.com/health?a=b"}),
        ("HTTP://example.com", {"type": "url"}),
        ("tcp://db.example.com:5432", {"type": "tcp", "host": "db.example.com", "port": 5432}),
        ("tcp://[::1]:80", {"type": "tcp", "host": "::1", "port": 80}),
        ("tcp://a.example:25?send=EHLO+x%0D%0A&expect=250", {"send": "EHLO x\r\n", "expect": "250"}),
        ("dns://example.com?type=mx", {"type": "dns", "host": "example.com", "record_type": "MX"}),
        ("dns://example.com", {"record_type": "A", "nameserver": None, "protocol": "udp"}),
        ("dns://example.com?nameserver=9.9.9.9:53&protocol=tcp", {"nameserver": "9.9.9.9:53", "protocol": "tcp"}),
        ("dns://9.9.9.9/example.com?type=NS", {"host": "example.com", "nameserver": "9.9.9.9", "record_type": "NS"}),
        ("dns://192.0.2.1?type=PTR", {"host": "192.0.2.1", "record_type": "PTR"}),
    ],
)
def test_a_target_is_the_check_that_it_says(target: str, fields: dict[str, Any]) -> None:
    definition = definition_of(target, timeout=7)
    assert definition.timeout == 7
    assert {name: getattr(definition, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("query", "enabled", "verify"),
    [("", False, True), ("?tls=1", True, True), ("?tls=1&verify=0", True, False), ("?verify=no", True, False)],
)
def test_tls_is_asked_for_by_options(query: str, enabled: bool, verify: bool) -> None:
    tls = getattr(definition_of(f"tcp://a.example:443{query}"), "tls")  # noqa: B009 - of the tcp check alone
    assert (tls.enabled, tls.verify) == (enabled, verify)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("example.com", "is not a target: give https://"),
        ("ftp://example.com", "is not a target"),
        ("file:///etc/passwd", "is not a target"),
        ("tcp://example.com", "needs a host and a port"),
        ("tcp://example.com:99999", "99999"),
        ("tcp://example.com:80?nonsense=1", "'nonsense' is no option"),
        ("tcp://example.com:80?tls=maybe", "tls=maybe must be 1 or 0"),
        ("dns://", "host must not be empty"),
        ("dns://example.com?type=ANY", "record_type must be one of"),
        ("https://", "url must begin with"),
    ],
)
def test_what_is_no_target_is_told_in_a_sentence(target: str, said: str) -> None:
    with pytest.raises(TargetError, match=re.escape(said)):
        definition_of(target)


@given(st.sampled_from(["", "http://", "https://", "tcp://", "dns://"]), st.text(max_size=40))
def test_any_text_is_a_check_or_refused(scheme: str, rest: str) -> None:
    with contextlib.suppress(TargetError):
        definition_of(scheme + rest)


def test_a_check_runs_once_without_a_server_of_ours() -> None:
    async def work() -> None:
        async with serving(answering(HTTP_OK)) as server:
            up = await run_once(definition_of(server.url(), timeout=5), allow_nets=LOOPBACK)
            assert up.status is RunStatus.SUCCESS
            assert [result.passed for result in up.assertions] == [True]
            down = await run_once(definition_of(f"tcp://127.0.0.1:{server.port}", timeout=5))
            assert down.error is not None
            assert down.error.code == "blocked_address"

    run(work())

"""What `tracer up` says when it is ready: enough to begin, and secrets once."""

from __future__ import annotations

import pytest

from cli.up import _greet


def test_a_first_start_says_address_key_and_setup_link(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"address": "http://127.0.0.1:8000", "owner_key": "trk_x", "setup_url": "http://127.0.0.1:8000/setup/abc"}
    assert _greet(dict(said), "127.0.0.0/8") == said["address"]
    shown = capsys.readouterr().out
    for part in said.values():
        assert part in shown
    assert "curl" in shown


def test_a_later_start_has_no_secret_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    _greet({"address": "http://127.0.0.1:8000"}, "127.0.0.0/8")
    shown = capsys.readouterr().out
    assert "/setup/" not in shown
    assert "$TRACER_API_KEY" in shown


@pytest.mark.parametrize(("allow", "said"), [("10.1.0.0/16", "and 10.1.0.0/16 "), ("", "only ")])
def test_a_start_says_what_its_probe_may_reach(capsys: pytest.CaptureFixture[str], allow: str, said: str) -> None:
    _greet({"address": "http://127.0.0.1:8000"}, allow)
    assert f"may reach public addresses {said}" in capsys.readouterr().out

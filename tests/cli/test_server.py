"""What a serving process says of itself when it is ready."""

from __future__ import annotations

import json

import pytest

from cli.server import announce
from store.bootstrap import Bootstrapped


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        ("http://127.0.0.1:8000", "trk_x", {"address": "http://127.0.0.1:8000", "owner_key": "trk_x"}),
        ("http://127.0.0.1:8000", None, {"address": "http://127.0.0.1:8000"}),
        (None, "trk_x", {"owner_key": "trk_x"}),
        (None, None, None),
    ],
)
def test_only_what_is_known_is_said(
    address: str | None, key: str | None, said: object, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(address, Bootstrapped("org_1", key))
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ([] if said is None else [said])


def test_a_setup_link_is_said_whole(capsys: pytest.CaptureFixture[str]) -> None:
    announce("http://127.0.0.1:8000", Bootstrapped("org_1", None, "token"), "https://tracer.example/")
    assert json.loads(capsys.readouterr().out)["setup_url"] == "https://tracer.example/setup/token"

"""Links that acknowledge: what was altered anywhere, or is a day old, is none."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acknowledge_links import LASTS_MS, BadLinkError, ExpiredLinkError, acknowledge_url, alert_of_link
from store.keyring import Keyring

KEYRING = Keyring({"k1": bytes(range(32))}, b"pepper")
NOW_MS = 1_705_314_600_000
ALERT = "alr_01hm5w3k2r4t6v8x0z2b4d"
START = "https://tracer.example/ack/"
LINK = acknowledge_url(KEYRING, "https://tracer.example/", ALERT, NOW_MS).removeprefix(START)


def test_a_link_names_its_alert_for_a_day() -> None:
    assert LINK.count(".") == 2
    for now_ms in (NOW_MS, NOW_MS + LASTS_MS - 1000):
        assert alert_of_link(KEYRING, LINK, now_ms) == ALERT
    with pytest.raises(ExpiredLinkError) as refused:
        alert_of_link(KEYRING, LINK, NOW_MS + LASTS_MS)
    assert refused.value.alert_id == ALERT


def test_a_link_of_another_installation_is_none() -> None:
    with pytest.raises(BadLinkError):
        alert_of_link(Keyring({"k1": bytes(range(32))}, b"another pepper"), LINK, NOW_MS)


def test_a_signature_for_something_else_is_no_signature_here() -> None:
    signed = LINK.rpartition(".")[0]
    assert KEYRING.signature("one purpose", signed) != KEYRING.signature("another purpose", signed)
    with pytest.raises(BadLinkError):
        alert_of_link(KEYRING, f"{signed}.{KEYRING.hash_key(signed)[:32]}", NOW_MS)


@st.composite
def _altered(draw: st.DrawFn) -> str:
    """The link with one character changed, added, lost, or two parts of it swapped."""
    place = draw(st.integers(0, len(LINK) - 1))
    character = draw(st.sampled_from(string.ascii_letters + string.digits + "._-~%/+= \n\0é\u0661"))
    match draw(st.sampled_from(("change", "add", "lose", "case", "move"))):
        case "change":
            return LINK[:place] + character + LINK[place + 1 :]
        case "add":
            return LINK[:place] + character + LINK[place:]
        case "lose":
            return LINK[:place] + LINK[place + 1 :]
        case "case":
            return LINK[:place] + LINK[place:].swapcase()
        case _:
            return LINK[place:] + LINK[:place]


@given(_altered())
def test_a_link_that_was_altered_is_none(altered: str) -> None:
    if altered == LINK:
        return
    with pytest.raises(BadLinkError) as refused:
        alert_of_link(KEYRING, altered, NOW_MS)
    assert not isinstance(refused.value, ExpiredLinkError), "an altered link says nothing, not even that it is old"


@given(st.text(max_size=120))
def test_whatever_else_stands_there_is_no_link(text: str) -> None:
    with pytest.raises(BadLinkError):
        alert_of_link(KEYRING, text, NOW_MS)


@given(st.integers(1, 10**11))
def test_a_later_end_does_not_make_a_link_last(later_s: int) -> None:
    alert_id, end_s, signature = LINK.split(".")
    with pytest.raises(BadLinkError):
        alert_of_link(KEYRING, f"{alert_id}.{int(end_s) + later_s}.{signature}", NOW_MS)

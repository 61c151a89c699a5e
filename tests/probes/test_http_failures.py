"""Every error libcurl knows has one meaning here."""

from __future__ import annotations

import errno

import pycurl
import pytest

from model.errors import ErrorCode
from probes.http.failures import MAPPED, failure_of

NOT_OF_TRANSFERS = ("E_OK", "E_MULTI_")


def failed(number: int, *, os_errno: int = 0, connected: bool = True, secured: bool = True, began: bool = False) -> str:
    return failure_of(
        number,
        "detail",
        os_errno=os_errno,
        place="192.0.2.1 port 80",
        connected=connected,
        secured=secured,
        began=began,
    ).code


@pytest.mark.parametrize("name", [n for n in dir(pycurl) if n.startswith("E_") and not n.startswith(NOT_OF_TRANSFERS)])
def test_every_error_of_libcurl_is_mapped(name: str) -> None:
    code, sentence = MAPPED[getattr(pycurl, name)]
    assert isinstance(code, ErrorCode)
    assert sentence


def test_an_error_nobody_has_heard_of_is_ours() -> None:
    assert failed(9_999) == ErrorCode.INTERNAL


@pytest.mark.parametrize(
    ("os_errno", "code"),
    [
        (errno.ECONNREFUSED, "connect_refused"),
        (errno.ETIMEDOUT, "connect_timeout"),
        (errno.EHOSTUNREACH, "connect_failed"),
        (errno.ENETUNREACH, "connect_failed"),
        (0, "connect_failed"),
        (errno.EMFILE, "internal"),
        (errno.EADDRNOTAVAIL, "internal"),
    ],
)
def test_a_failed_connection_is_told_apart_by_the_systems_word(os_errno: int, code: str) -> None:
    assert failed(pycurl.E_COULDNT_CONNECT, os_errno=os_errno, connected=False) == code


def test_a_timeout_says_how_far_it_came() -> None:
    number = pycurl.E_OPERATION_TIMEDOUT
    assert failed(number, connected=False, secured=False) == "connect_timeout"
    assert failed(number, secured=False) == "timeout"
    assert failed(number) == "timeout"
    assert failed(number, began=True) == "timeout"


def test_a_connection_that_breaks_before_tls_stands_is_a_tls_error() -> None:
    assert failed(pycurl.E_RECV_ERROR, secured=False) == "tls_error"
    assert failed(pycurl.E_RECV_ERROR) == "protocol_error"

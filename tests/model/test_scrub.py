"""No form of a secret leaves the probe, and nothing else is lost."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.outcome import AssertionResult, Attempt, RunError, RunStatus
from model.protocol import Result
from model.scrub import Scrubber

SECRET = 'p@ss/w"rd+ü&<x>'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        *(
            json.dumps(json.dumps(SECRET, ensure_ascii=inner)[1:-1], ensure_ascii=outer)[1:-1]
            for inner in (True, False)
            for outer in (True, False)
        ),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        html.escape(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_form_a_target_may_echo(form: str) -> None:
    scrubbed = Scrubber([SECRET]).text(f"before {form} after")
    assert scrubbed == "before ******** after"


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_password_inside_a_longer_base64_text_is_masked(before: str) -> None:
    echoed = base64.b64encode(f"{before}correct-horse-battery".encode()).decode()
    scrubbed = Scrubber(["correct-horse-battery"]).text(echoed)
    left_over = scrubbed.replace("********", "")
    assert "********" in scrubbed
    assert len(left_over) <= len(base64.b64encode(before.encode())) + 4


def test_the_token_of_an_authorization_header_is_masked_without_its_scheme() -> None:
    assert Scrubber(["Bearer abc123"]).text("token abc123 seen") == "token ******** seen"
    basic = "Basic " + base64.b64encode(b"ann:hunter2").decode()
    assert Scrubber([basic]).text("password hunter2 is wrong") == "password ******** is wrong"


def test_short_and_numeric_secrets_are_masked_too() -> None:
    scrubber = Scrubber(["42"])
    assert scrubber.text("PIN 42") == "PIN ********"
    assert scrubber.tree({"pin": 42, "ok": True, "list": ["x42", 43]}) == {
        "pin": "********",
        "ok": True,
        "list": ["x********", 43],
    }


def test_a_text_cut_in_the_middle_of_a_secret_does_not_keep_its_beginning() -> None:
    assert Scrubber(["sk_live_0123456789"]).text("key=sk_live_01") == "key=********"


def test_every_part_of_a_result_that_a_target_can_write_is_scrubbed() -> None:
    error = RunError("assertion_failed", "got s3cr3t")
    result = Result(
        run_id="run_1",
        dispatch_id="d",
        token=1,
        check_id="mon_1",
        check_version=1,
        status=RunStatus.FAILED,
        error=error,
        assertions=(AssertionResult("header", "equals", "s3cr3t", ["s3cr3t"], passed=False, name="x-s3cr3t"),),
        attempts=(Attempt(late_ms=0.0, status=RunStatus.FAILED, error=error),),
        response={"status_code": 200, "headers": [["x", "s3cr3t"]], "body": "s3cr3t", "remote_ip": "192.0.2.1"},
    )
    scrubbed = Scrubber(["s3cr3t"]).result(result)
    assert "s3cr3t" not in repr(scrubbed)
    assert scrubbed.response is not None
    assert scrubbed.response["status_code"] == 200
    assert scrubbed.status is RunStatus.FAILED


def test_without_secrets_the_very_same_result_comes_back() -> None:
    result = Result("run_1", "d", 1, "mon_1", 1, RunStatus.SUCCESS)
    assert Scrubber([]).result(result) is result
    assert not Scrubber([""])


@given(st.text(min_size=1, max_size=30), st.text(max_size=40), st.text(max_size=40))
def test_no_text_around_a_secret_saves_it(secret: str, before: str, after: str) -> None:
    if secret in "********":
        return
    assert secret not in Scrubber([secret]).text(before + secret + after).replace("********", "\x00")

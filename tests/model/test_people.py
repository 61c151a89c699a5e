"""Emails have one spelling, passwords a length."""

from __future__ import annotations

import pytest

from model.people import SCOPES_OF, Role, email_of, new_password, normal, refuse_email


@pytest.mark.parametrize("text", ["ada@example.com", " Ada@Example.COM ", "ADA@example.com"])
def test_an_email_has_one_spelling(text: str) -> None:
    assert email_of(text) == "ada@example.com"


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example.com\nBcc: x@y.z"])
def test_what_is_no_email_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a mail address"):
        email_of(text)


def test_a_password_is_judged_by_its_length() -> None:
    assert new_password("x y z w x y z") == "x y z w x y z"
    with pytest.raises(ValueError, match="at least 12"):
        new_password("Sh0rt!Word$")
    with pytest.raises(ValueError, match="same few characters"):
        new_password("abababababababab")


def test_what_looks_alike_is_one_password() -> None:
    assert normal("caf\u00e9 \ufb01sh") == normal("cafe\u0301 fish")


def test_each_role_allows_what_the_contract_says() -> None:
    assert {str(role): scopes for role, scopes in SCOPES_OF.items()} == {
        "owner": ("admin",), "admin": ("admin",), "member": ("read", "run", "write"), "viewer": ("read",),
    }  # fmt: skip
    assert set(SCOPES_OF) == set(Role)


@pytest.mark.parametrize("text", ["longer.name@example.com", " Longer.Name@Example.com", "longer.name"])
def test_an_email_is_no_password(text: str) -> None:
    with pytest.raises(ValueError, match="must not be your email"):
        refuse_email(text, "longer.name@example.com")
    refuse_email(f"{text} and four words", "longer.name@example.com")

"""Whose repository a fix is for: what a project may name, and a token that is nowhere to be read."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from store.sessions import EVERY_ORGANIZATION
from telemetry.agents.fixing.runners import Proposal
from tests.telemetry.agents.fixes import GOOD, make_repository
from tests.telemetry.agents.test_fixes import Says, Shop, sqlite_only
from tests.telemetry.agents.test_fixes import shop as shop
from tests.telemetry.agents.test_incidents import BOOM, failed


@sqlite_only
def test_an_incident_without_a_project_takes_the_only_repository(shop: Shop) -> None:
    shop.incident = failed(shop.owner, BOOM, "trace_9")
    assert shop.ask()["project_id"] == shop.project


@sqlite_only
def test_a_token_is_nowhere_to_be_read(shop: Shop) -> None:
    token = "ghp_Kanarienvogel0123456789"
    with capture_logs() as logs:
        put = {"repository": "https://127.0.0.1:9/shop.git", "repository_token": token}
        answer = shop.owner("PUT", "/v1/projects/shop", put)
        assert (answer.status_code, answer.get_json()["repository_token"]) == (200, "********")
        shop.ask()
        shop.fixing(runner=Says(Proposal(["a"], GOOD))).step()
    made = shop.fix()
    assert made["reason"].startswith("the repository can't be read: 127.0.0.1 is not a public address")
    told = [answer.get_data(as_text=True), str(logs), str(made)]
    told += [shop.owner("GET", path).get_data(as_text=True) for path in ("/v1/projects", "/v1/audit-log")]
    with shop.database.read(EVERY_ORGANIZATION) as session:
        told.append(repr(session.connection().exec_driver_sql("SELECT * FROM projects").fetchall()))
    assert not any(token in text for text in told)
    kept = shop.owner("PUT", "/v1/projects/shop", {"repository_token": "********", "name": "N"}).get_json()
    assert kept["repository_token"] == "********"
    moved = shop.owner("PUT", "/v1/projects/shop", {"repository": "https://evil.example/x"}).get_json()
    assert moved["repository_token"] is None, "it was given for another address"


@sqlite_only
@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ("file:///etc", "no other protocol"), ("ssh://git@host/x", "no other protocol"), ("ext::sh -c id", "protocol"),
        ("git@host:x.git", "no other protocol"), ("http://host/x.git", "no other protocol"),
        ("https://u:p@host/x.git", "must hold no name and no password"), ("https://host/x?y=1", "end with its path"),
        ("https://", "then a host"), ("/etc", "must lie in the folder"), ("../outside", "must lie in the folder"),
        ("out", "must lie in the folder"), (".", "must lie in the folder"), ("none", "is not a git repository"),
        ("--upload-pack=x", "is not a git repository"), ("shop\n", "control characters"), ("", "must not be empty"),
    ],
)  # fmt: skip
def test_what_is_no_repository_is_refused_with_the_reason(shop: Shop, repository: str, reason: str) -> None:
    make_repository(shop.folder / "outside")
    (shop.folder / "repositories/out").symlink_to(shop.folder / "outside")
    answer = shop.owner("PUT", "/v1/projects/shop", {"repository": repository})
    assert answer.status_code == 400
    assert reason in answer.get_data(as_text=True)

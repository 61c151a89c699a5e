"""A disk that fills up is told before it is full, and again when it is."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable, Sequence

import pytest

from alerts.self_watch import disk
from alerts.self_watch.watching import Watch, Watching
from store.sessions import Database
from tests.alerts.noticing import Owners

Usage = namedtuple("Usage", "total used free")
GB = 1_000_000_000


@pytest.fixture
def watches() -> Sequence[Watch]:
    return (disk.WATCH,)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch, watching: Watching, database: Database) -> Callable[..., None]:
    """A function that says how much is free (GB), and looks."""

    def say(gigabytes: float, total: float = 100) -> None:
        usage = Usage(round(total * GB), round((total - gigabytes) * GB), round(gigabytes * GB))
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
        watching(database)

    return say


def kinds(owners: Owners) -> list[str]:
    return [kind for kind, _ in owners.open()]


def test_under_five_percent_is_told_and_over_six_is_over(free: Callable[..., None], owners: Owners) -> None:
    owners.channel()
    free(5)
    assert kinds(owners) == []
    free(4.9)
    assert kinds(owners) == ["disk_low"]
    assert "nearly full (5% of 100 GB free)" in owners.notices()[0].message
    free(5.9)
    assert kinds(owners) == ["disk_low"]
    free(6.1)
    assert kinds(owners) == []


def test_a_small_disk_is_told_at_500_megabytes(free: Callable[..., None], owners: Owners) -> None:
    free(0.6, total=2)
    assert kinds(owners) == []
    free(0.4, total=2)
    assert kinds(owners) == ["disk_low"]


def test_a_full_disk_is_one_notice(free: Callable[..., None], owners: Owners) -> None:
    owners.channel()
    free(0.01)
    assert kinds(owners) == ["disk_full"]
    assert owners.told() == [("disk_full", "open")]
    assert owners.notices()[0].severity == "critical"


def test_a_disk_that_can_not_be_asked_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, free: Callable[..., None], owners: Owners, watching: Watching, database: Database
) -> None:
    free(1)

    def fail(_path: object) -> Usage:
        raise OSError("gone")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    watching(database)
    assert kinds(owners) == ["disk_low"]

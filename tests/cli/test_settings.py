"""A setting that can't be used is refused at the start, by its name, and never repeats a secret."""

from __future__ import annotations

import pytest

from cli.environment import ALLOWED_BY_HAND, SettingsError, nets_by_hand, read_settings
from cli.up import _environment, run_up
from model.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TRACER_PORT", "99999", "TRACER_PORT = '99999': must be at most 65535"),
        ("TRACER_PORT", "http", "TRACER_PORT = 'http': must be a whole number"),
        ("TRACER_RETENTION_GB", "much", "TRACER_RETENTION_GB = 'much': must be a number"),
        ("TRACER_ALLOW_NETS", "10.0.0.0/8,foo", "'foo' is not a network such as 10.0.0.0/8"),
        ("TRACER_DATABASE_URL", "mysql://root:hunter2@db/x", "TRACER_DATABASE_URL: must begin with postgresql://"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_two_settings_that_do_not_go_together_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_PUBLIC_URL", "https://tracer.example")
    monkeypatch.setenv("TRACER_TRACES_URL", "https://tracer.example:8443")
    with pytest.raises(SettingsError, match=r"^TRACER_TRACES_URL must have another host than TRACER_PUBLIC_URL"):
        read_settings()


@pytest.mark.parametrize("url", ["postgres://db/x", "postgresql://db/x", "sqlite:////var/lib/tracer/tracer.db"])
def test_both_kinds_of_store_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("TRACER_DATABASE_URL", url)
    assert read_settings().database_url == url


def test_canaries_that_cannot_be_asked_stop_tracer_up_before_it_greets() -> None:
    with pytest.raises(SettingsError, match="TRACER_CANARIES: '::' is neither"):
        run_up(Settings(canaries=("::",)))


@pytest.mark.parametrize(
    ("value", "nets"), [(None, ALLOWED_BY_HAND), ("", ()), (" , ", ()), ("10.1.0.0/16", ("10.1.0.0/16",))]
)
def test_networks_set_to_nothing_open_none(
    monkeypatch: pytest.MonkeyPatch, value: str | None, nets: tuple[str, ...]
) -> None:
    if value is None:
        monkeypatch.delenv("TRACER_ALLOW_NETS", raising=False)
    else:
        monkeypatch.setenv("TRACER_ALLOW_NETS", value)
    settings = read_settings(data_dir="data")
    assert nets_by_hand(settings) == nets
    assert _environment(settings)["TRACER_ALLOW_NETS"] == ",".join(nets), "what the probe of `tracer up` is told"

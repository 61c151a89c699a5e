"""`tracer up`: a server (API and scheduler) and a probe, kept alive until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import threading

import click

from cli.children import WIND_DOWN, Child
from cli.environment import SettingsError, nets_by_hand
from model.keys import PROBE_KEY, new_key
from model.settings import Settings
from probes.soundings import BadCanaryError, parse_canary

UP_LOCATION = "local"
_PATIENCE_S = 10.0
_CONFIGURATION_ERROR = 2
_POLL_S = 0.2


def run_up(settings: Settings) -> int:
    """Runs in the foreground; the exit code is 0 after Ctrl-C and 2 when the settings can't work. Raises SettingsError
    for what the probe would refuse: it is started last, and nobody would see it fail behind a greeting."""
    _refuse_bad_canaries(settings)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: _stop_or_die(stopping))
    environment = _environment(settings)
    server = Child("server", ["server"], environment, final=(_CONFIGURATION_ERROR,))
    server.start()
    probe: Child | None = None
    failure = 0
    while not stopping.wait(_POLL_S):
        if probe is None and not server.said.empty():
            address = _greet(json.loads(server.said.get()), environment["TRACER_ALLOW_NETS"])
            probe = Child("probe", ["probe", "--location", UP_LOCATION, "--url", address, "--insecure"], environment)
            probe.start()
        if server.keep_alive() == _CONFIGURATION_ERROR:
            failure = _CONFIGURATION_ERROR
            break
        if probe is not None:
            probe.keep_alive()
    server.tell(WIND_DOWN)
    for child in (probe, server):
        if child is not None:
            child.stop(_PATIENCE_S)
    return failure


def _refuse_bad_canaries(settings: Settings) -> None:
    try:
        for text in settings.canaries:
            parse_canary(text)
    except BadCanaryError as error:
        raise SettingsError(str(error)) from None


def _environment(settings: Settings) -> dict[str, str]:
    """What both children are told. The probe's key lives as long as this process and is on no disk."""
    return {
        "TRACER_DATA_DIR": str(settings.data_dir),
        "TRACER_HOST": settings.host,
        "TRACER_PORT": str(settings.port),
        "TRACER_PROBE_KEY": settings.probe_key or new_key(PROBE_KEY),
        "TRACER_ALLOW_NETS": ",".join(nets_by_hand(settings)),
    }


def _stop_or_die(stopping: threading.Event) -> None:
    if stopping.is_set():
        click.echo("Stopping at once.", err=True)
        os._exit(130)
    click.echo("\nStopping: runs in flight finish first (Ctrl-C again to stop at once).", err=True)
    stopping.set()


def _greet(serving: dict[str, str | None], allow: str) -> str:
    """Print the address, the new owner key and setup link, and a first curl line; returns the address to reach the
    server at."""
    address = str(serving["address"])
    key = serving.get("owner_key")
    click.echo(f"\n  Tracer serves at {address}   (docs: {address}/docs)")
    click.echo(
        f"  The probe here may reach public addresses {f'and {allow}' if allow else 'only'}   (TRACER_ALLOW_NETS)"
    )
    if key:
        click.echo(f"\n  Owner key, shown this once:  {key}")
    if serving.get("setup_url"):
        click.echo(f"\n  Become its first owner in the browser (works once, for 24 hours):\n  {serving['setup_url']}")
    body = '{"name": "Tracer itself", "type": "url", "url": "' + address + '/health", "interval": 10}'
    click.echo("\n  A first monitor:")
    click.echo(
        f'  curl -s {address}/v1/monitors -H "Authorization: Bearer {key or "$TRACER_API_KEY"}" '
        f"-H 'Content-Type: application/json' -d '{body}'\n"
    )
    return address

"""`tracer secrets rotate`: another key for everything that is kept encrypted, beside a running Tracer."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from cli.beside import open_beside
from cli.environment import SettingsError, read_settings
from model.settings import Settings
from store.key_material import KeyringError, key_file, new_secret, parse_keys, spelled
from store.keyring import Keyring
from store.rotation import Rotation, begin, fresh_name, retire
from store.sessions import Database

SETTLE_S = 10.0
"""After the new key: until whoever encrypted under the old one has committed. Nobody waits that long for the store."""
PAUSE_S = 0.02
"""Between two batches: others write as well."""


@click.group()
def secrets() -> None:
    """What Tracer keeps encrypted."""


@secrets.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="TRACER_DATA_DIR.")
def rotate(**given: Any) -> None:
    """Make a new key, encrypt every secret again under it, and retire the old key.

    Run it beside Tracer, with the same settings. It may be interrupted at any time, and goes on when it is run again.
    Where TRACER_SECRET_KEYS is the keys themselves, it can't change what other processes were given, and says what to
    set. Exit code 0: the old key is needed no more; 2: not done, and why.
    """
    settings = read_settings(**given)
    file = key_file(settings)
    database = open_beside(settings)
    try:
        if file is None:
            _of_the_environment(database, settings)
        else:
            with _alone(file):
                _of_a_file(database, settings, file)
    except (KeyringError, SQLAlchemyError) as error:
        raise SettingsError(f"Not done, and nothing is lost: {error.__cause__ or error}") from None
    except KeyboardInterrupt:
        click.secho("Interrupted. Both keys are good: run it again to go on", fg="yellow", err=True)
        sys.exit(2)
    finally:
        database.close()


def _of_a_file(database: Database, settings: Settings, file: Path) -> None:
    Keyring.load(settings, database)  # refuses the wrong keyring before anything changes
    if not begin(file):
        click.echo(f"{file} holds more than one key: going on with a rotation that was begun before")
    changed_s = time.monotonic()
    rotation = Rotation(database, Keyring.load(settings, database))
    _work(rotation)
    time.sleep(max(0.0, changed_s + SETTLE_S - time.monotonic()))
    _work(rotation)
    older = retire(file)
    click.secho(
        f"Every secret is under the new key; retired: {', '.join(older)}. Backups of before need the {file.name} "
        "of before",
        fg="green",
    )


def _of_the_environment(database: Database, settings: Settings) -> None:
    keys = parse_keys(settings.secret_keys or "", "TRACER_SECRET_KEYS")
    keyring = Keyring.load(settings, database)
    if len(keys) == 1:
        name = fresh_name(keys)
        fresh = spelled({name: new_secret()})
        click.echo(
            f"TRACER_SECRET_KEYS has one key. This is a new one:\n\n  {fresh}\n\n"
            "1. Append it to TRACER_SECRET_KEYS of every process, behind a comma, and start them again one by one.\n"
            f"2. Put it in front in every process ({name}:…,{next(iter(keys))}:…), and start them again.\n"
            "3. Run this command with that TRACER_SECRET_KEYS.\n\n"
            "With the keys in a file (TRACER_SECRET_KEYS=/path/of/the/file) it is this command alone."
        )
        sys.exit(2)
    _work(Rotation(database, keyring))
    first, *older = keys
    click.secho(
        f"Every secret is under {first}. Take {', '.join(older)} out of TRACER_SECRET_KEYS of every process now",
        fg="green",
    )


def _work(rotation: Rotation) -> None:
    """Batch by batch, with a line a second for whoever waits."""
    left = rotation.left()
    if left:
        click.echo(f"{left:,} secrets to encrypt again")
    done, said_s = 0, time.monotonic()
    while moved := rotation.step():
        done += moved
        if time.monotonic() - said_s >= 1:
            click.echo(f"  {done:,} of {max(left, done):,}")
            said_s = time.monotonic()
        time.sleep(PAUSE_S)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One rotation at a time. SettingsError."""
    descriptor = os.open(file.with_name(f".{file.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SettingsError("A rotation of these keys is running already") from None
    finally:
        os.close(descriptor)

"""`tracer setup-link`: a link that makes an owner, for whoever runs this Tracer. It needs no key but the database's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import OperationalError

from api.membership import SETUP_PATH
from cli.beside import open_beside
from cli.environment import SettingsError, read_settings
from model.settings import Settings
from store.invitations import make_setup_link
from store.key_material import KeyringError
from store.keyring import Keyring
from store.organizations import create_organization, first_organization
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency


@click.command("setup-link")
@click.option("--new", "name", metavar="NAME", help="Of a new organization, apart from all others in this Tracer.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="TRACER_DATA_DIR.")
def setup_link(name: str | None, **given: Any) -> None:
    """Print a link by which a person becomes an owner: once, within 24 hours. The link printed before is dead.

    It works beside a running Tracer, with the same settings (TRACER_DATA_DIR, or TRACER_DATABASE_URL and
    TRACER_SECRET_KEYS), on the machine or in the container that has them.
    """
    settings = read_settings(**given)
    database = open_beside(settings)
    try:
        token, called = _make(database, settings, name)
    except (KeyringError, OperationalError) as error:
        raise SettingsError(str(error)) from None
    finally:
        database.close()
    click.echo(f"Whoever opens this within 24 hours becomes an owner of {called!r}; it works once:\n")
    click.echo(f"  {settings.links_begin}{SETUP_PATH}{token}\n")


def _make(database: Database, settings: Settings, name: str | None) -> tuple[str, str]:
    keyring = Keyring.load(settings, database)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        now_ms = database.now_ms(session)
        organization = create_organization(session, name, [], now_ms) if name else first_organization(session)
        if organization is None:
            raise SettingsError("There is no organization yet: start Tracer once")
        return make_setup_link(session, keyring, organization.id, now_ms), organization.name

"""The store of a Tracer that may be running, for commands that work on it directly."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from cli.environment import SettingsError
from migrations.upgrade import is_newest
from model.settings import Settings
from store.sessions import Database


def open_beside(settings: Settings) -> Database:
    """The store of a Tracer that was started before. SettingsError."""
    file = make_url(settings.sqlalchemy_url).database
    if settings.sqlalchemy_url.startswith("sqlite") and not (file and Path(file).exists()):
        raise SettingsError(f"There is no Tracer in {settings.data_dir}: start it once, or set TRACER_DATA_DIR")
    database = Database(settings.sqlalchemy_url)
    try:
        newest = is_newest(database.engine)
    except OperationalError as error:
        database.close()
        raise SettingsError(f"The database can't be reached: {error.__cause__ or error}") from None
    if not newest:
        database.close()
        raise SettingsError("This database is of another version of Tracer: start this version once, then try again")
    return database

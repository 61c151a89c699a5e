"""`python -m migrations "what changes"`: writes the next step from the difference between the models and the steps."""

from __future__ import annotations

import sys
import tempfile

from alembic import command

from migrations.upgrade import configuration, migrating, newest_revision, upgrade
from store.sessions import Database


def main() -> None:
    """Compares with an empty SQLite database at the newest step. Read what it wrote before you keep it."""
    message = " ".join(sys.argv[1:])
    if not message:
        sys.exit('usage: python -m migrations "add paging to runs"')
    number = f"{int(newest_revision()) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/scratch.db")
        try:
            upgrade(database.engine)
            with migrating(database.engine) as connection:
                config = configuration(connection)
                config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
                command.revision(config, message, autogenerate=True, rev_id=number)
        finally:
            database.close()


if __name__ == "__main__":
    main()

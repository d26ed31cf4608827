"""Writes the next migration, for developers: compares the tables with the result of all earlier migrations.

`python -m cekalwatch.server.storage.migrations "what changes"`; read the file it writes before committing it.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.migrations.applying import MIGRATIONS


def main(message: str) -> None:
    """Write a migration called `message` into `versions/`."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'migrations.sqlite3'}")
        database.upgrade()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            number = max(int(path.name[:4]) for path in (MIGRATIONS / "versions").glob("[0-9]*.py")) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        database.close()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or sys.exit('write: python -m cekalwatch.server.storage.migrations "what changes"'))

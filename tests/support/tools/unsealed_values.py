"""What a database holds, for searches that would find nothing in sealed values."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from sqlmodel import SQLModel

from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.columns import SEALED
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import keyring

UNSEALED = "opened"


def unsealed_values(data_dir: Path) -> dict[str, bytes]:
    """Return each sealed value of a server's SQLite, opened, as `opened/TABLE.COLUMN/KEY`."""
    database = Database(f"sqlite:///{data_dir / 'cekalwatch.sqlite3'}")
    keys = keyring(database, KeyFile(data_dir / "master.key"))
    found = {}
    with database.engine.connect() as connection:
        for place in SEALED:
            table = SQLModel.metadata.tables[place.table]
            bound = [table.c[name] for name in place.bound]
            for *key, sealed in connection.execute(
                sqlalchemy.select(*table.primary_key, *bound, table.c[place.column])
            ):
                name = f"{UNSEALED}/{place.table}.{place.column}/{'-'.join(key)}"
                found[name] = keys.open(place.at(*key), sealed)
    database.close()
    return found

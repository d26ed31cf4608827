"""What a database holds, for searches that would find nothing in sealed values."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy
from sqlmodel import SQLModel

from cekalwatch.server.encryption.master_key_source import KeyFile, MasterKeySource
from cekalwatch.server.storage.columns import SEALED
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import keyring

UNSEALED = "opened"


def unsealed_values(data_dir: Path) -> dict[str, bytes]:
    """Return each sealed value of a server's SQLite, opened, as `opened/TABLE.COLUMN/KEY`."""
    with closing(Database(f"sqlite:///{data_dir / 'cekalwatch.sqlite3'}")) as database:
        return opened_values(database, KeyFile(data_dir / "master.key"))


def opened_values(database: Database, source: MasterKeySource) -> dict[str, bytes]:
    """Return each sealed value of a database, opened, in the same form."""
    keys = keyring(database, source)
    found = {}
    with database.engine.connect() as connection:
        for place in SEALED:
            table = SQLModel.metadata.tables[place.table]
            bound = [table.c[name] for name in place.bound]
            for *key, sealed in connection.execute(
                sqlalchemy.select(*table.primary_key, *bound, table.c[place.column])
            ):
                name = f"{UNSEALED}/{place.table}.{place.column}/{'-'.join(map(str, key))}"
                found[name] = keys.open(place.at(*map(str, key)), sealed)
    return found

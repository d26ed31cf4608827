"""Somebody who can write the database by SQL, and has none of its keys."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy.pool import NullPool

from cekalwatch.server.settings.settings import ServerSettings

Row = dict[str, Any]


class Intruder:
    """Works at the tables behind the server's back."""

    def __init__(self, settings: ServerSettings) -> None:
        address = settings.database_address.replace("postgresql://", "postgresql+psycopg://")
        self._engine = sqlalchemy.create_engine(address, poolclass=NullPool)

    def run(self, statement: str, **values: Any) -> int:
        """Run a statement; return how many rows it touched."""
        with self._engine.begin() as connection:
            return connection.execute(sqlalchemy.text(statement), values).rowcount

    def rows(self, table: str) -> list[Row]:
        """Read a table as it is."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(sqlalchemy.text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608

    def insert(self, table: str, row: Row) -> None:
        """Add a row."""
        columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        assert self.run(f"INSERT INTO {table} ({columns}) VALUES ({values})", **row) == 1  # noqa: S608

    def put_back(self, table: str, rows: list[Row]) -> None:
        """Make the table what it was."""
        for row in rows:
            key = next(iter(row))
            columns = ", ".join(f"{name} = :{name}" for name in row)
            if not self.run(f"UPDATE {table} SET {columns} WHERE {key} = :{key}", **row):  # noqa: S608
                self.insert(table, row)

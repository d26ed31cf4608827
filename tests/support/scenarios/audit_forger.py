"""Somebody who can write the database, and nothing beside it: rewrites the audit trail so that every hash is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text

from cekalwatch.server.audit.entry import GENESIS, Link, chain_hash
from cekalwatch.server.audit.search_terms import index_rows
from cekalwatch.server.storage.database import Database

TABLES = ("audit_entry", "audit_checkpoint", "audit_index")
_COLUMNS = ("at", "actor", "action", "objects", "outcome", "details")


@dataclass(frozen=True)
class Forger:
    """Works by SQL alone."""

    database: Database

    def drop_triggers(self) -> None:
        """Put out of action what refuses changes."""
        with self.database.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                for name in names.scalars().all():
                    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            else:
                for table in TABLES:
                    connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")

    def run(self, *statements: str) -> None:
        """Run statements, each of which must change something."""
        self.drop_triggers()
        with self.database.engine.begin() as connection:
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount > 0

    def rebuild(self, without: Iterable[int]) -> None:
        """Remove entries, and build chain and index anew over the others, with a head that fits."""
        self.drop_triggers()
        gone = set(without)
        with self.database.engine.begin() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM audit_entry ORDER BY sequence").mappings().all()
            connection.exec_driver_sql("DELETE FROM audit_entry")
            connection.exec_driver_sql("DELETE FROM audit_index")
            sequence, last = 0, GENESIS
            for row in rows:
                if row["sequence"] in gone:
                    continue
                texts = [str(row[name]) for name in _COLUMNS]
                sequence, previous, last = sequence + 1, last, chain_hash(last, texts)
                names = ("sequence", "previous_hash", "hash", *_COLUMNS)
                places = ", ".join(f":{name}" for name in names)
                connection.execute(
                    text(f"INSERT INTO audit_entry ({', '.join(names)}) VALUES ({places})"),  # noqa: S608  # own names
                    dict(zip(names, (sequence, previous, last, *texts), strict=True)),
                )
                index = text("INSERT INTO audit_index VALUES (:term, :moment, :sequence)")
                for one in index_rows(Link(sequence, previous, last, *texts)):
                    connection.execute(index, one._asdict())
            connection.execute(
                text("UPDATE audit_head SET sequence = :sequence, hash = :hash"), {"sequence": sequence, "hash": last}
            )

    def forget_checkpoints(self) -> None:
        """Remove all checkpoints."""
        self.run("DELETE FROM audit_checkpoint")

"""Applies the migrations, and says whether a database has the tables of this version of the program."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

MIGRATIONS = Path(__file__).parent
SIGNED_SINCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "0009": ("sync_order", "sync_run", "sync_state"),
        "0015": ("list_inventory", "watchlist_success"),
        "0018": ("camera_news",),
    }
)
"""Tables whose rows a migration gave MACs, which `upgrade` makes once."""


class Migrations(StrEnum):
    """How the tables of a database are to what the program needs."""

    AS_NEEDED = "AS_NEEDED"
    OLDER = "OLDER"
    """`cekalwatch-server upgrade` brings them up to date."""
    NEWER = "NEWER"
    """They were made by a newer version of the program."""


def migrations_of(connection: Connection) -> Migrations:
    """Return the state of the tables. Raises SQLAlchemyError."""
    found = MigrationContext.configure(connection).get_current_revision() or ""
    if found == ScriptDirectory(str(MIGRATIONS)).get_current_head():
        return Migrations.AS_NEEDED
    return Migrations.OLDER if is_known_revision(found) else Migrations.NEWER


def is_known_revision(revision: str) -> bool:
    """Whether this version of the program has that migration, so that it can use what it made."""
    return revision in {one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def apply_migrations(engine: Engine) -> None:
    """Bring the tables up to date, in one transaction.

    Raises SQLAlchemyError, and alembic's CommandError for tables of a newer version of the program.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect() as connection:
        # Two programs that start at once must not both create the tables, and a killed one must not leave half of them.
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('cekalwatch migrations'))")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()

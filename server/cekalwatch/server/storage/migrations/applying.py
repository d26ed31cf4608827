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

from cekalwatch.program.errors import Exit, ProgramError

MIGRATIONS = Path(__file__).parent
SIGNED_SINCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"0024": ("camera_news", "list_inventory", "sync_order", "sync_run", "sync_state", "watchlist_success")}
)
"""Tables whose rows a migration gave MACs, which `upgrade` makes once."""


class Migrations(StrEnum):
    """How the tables of a database are to what the program needs."""

    AS_NEEDED = "AS_NEEDED"
    OLDER = "OLDER"
    """`cekalwatch-server upgrade` brings them up to date."""
    NEWER = "NEWER"
    """They were made by a newer version of the program."""


def migrations_of(connection: Connection, name: str) -> Migrations:
    """Return the state of the tables of the database `name`. Raises SQLAlchemyError, and as `migrations_at` does."""
    return migrations_at(MigrationContext.configure(connection).get_current_revision() or "", name)


def migrations_at(revision: str, name: str) -> Migrations:
    """Return the state of tables that the migrations up to `revision` made.

    Raises ProgramError when a version made them that was never released: its migrations are not kept, and their
    numbers are not used again. `name` is the database's, for that message.
    """
    newest, *older = (one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    if revision == newest:
        return Migrations.AS_NEEDED
    if revision in older:
        return Migrations.OLDER
    if revision > newest:
        return Migrations.NEWER
    raise ProgramError(
        f"{name} has tables of a version that was never released ({revision}), and nothing brings them up to date: "
        "restore a backup of a release, or set the site up anew",
        Exit.CONFIG,
    )


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

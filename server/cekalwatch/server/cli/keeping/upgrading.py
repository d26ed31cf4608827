"""`cekalwatch-server upgrade`: brings the tables of a database to this version of the program, after a backup."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.database import command_database
from cekalwatch.server.cli.keeping.backing_up import back_up
from cekalwatch.server.cli.options import Config, DataDir, loaded_settings
from cekalwatch.wire.address import split_address

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings

CONNECT_S = 1.0
EPILOG = (
    "Example:\n\n  systemctl stop cekalwatch-server\n\n  cekalwatch-server upgrade\n\n"
    "There is no way back but the backup. Exit code 0: the tables are as this version needs them. "
    "See docs/upgrading.md."
)


def upgrade(
    without_backup: Annotated[
        bool, typer.Option("--without-backup", help="Make none: one was made a moment ago, in another way.")
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Bring the database to this version of the program: make a backup, change the tables, and check.

    Stop all servers of the database before.
    """
    from datetime import UTC, datetime

    from cekalwatch.program.checks.results import CheckVerdict
    from cekalwatch.server.audit.entry import Action, AuditEntry, operator
    from cekalwatch.server.health.checks.installation import check_installation
    from cekalwatch.server.storage.audit.store import AuditStore
    from cekalwatch.server.storage.migrations.applying import Migrations
    from cekalwatch.server.storage.snapshots.snapshot import current_state

    loaded = loaded_settings(config, data_dir)
    with command_database(loaded.values) as database:
        database.check_exists()
        state, before = database.migrations(), current_state(database).revision
        if state is Migrations.AS_NEEDED:
            typer.echo(f"{database.name} is as this version needs it: there is nothing to do.")
            return
        if state is Migrations.NEWER:
            raise ProgramError(
                f"{database.name} is of a newer version ({before}): update this program, or restore the backup "
                "that was made before",
                Exit.CONFIG,
            )
    refuse_running(loaded.values)
    if not without_backup:
        typer.echo(f"Backup: {back_up(loaded.values, loaded.file).file}")
    with command_database(loaded.values) as database:
        database.upgrade()
        after = current_state(database).revision
        details: dict[str, int | str] = {"before": before, "after": after}
        AuditStore(database).append(
            AuditEntry(datetime.now(UTC), operator(), Action.DATABASE_UPGRADED, details=details)
        )
        typer.echo(f"{database.name}: from {before} to {after}.")
    for result in check_installation(loaded, datetime.now(UTC)):
        if result.verdict is not CheckVerdict.OK:
            typer.echo(f"{result.verdict:<4}  {result.camera_id or result.subject}: {result.text}")
    typer.echo("Next: start the server.")


def refuse_running(settings: ServerSettings) -> None:
    """Raise ProgramError when something answers at the address at which the server of `settings` listens."""
    host, port = split_address(settings.listen)
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError:
        return
    raise ProgramError(
        f"A server runs at {settings.listen}: stop it, and all others of this database, before its tables change",
        Exit.UNAVAILABLE,
    )

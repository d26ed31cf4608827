"""`cekalwatch-server restore`: a site comes back from a backup, into an empty place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.keeping.backing_up import shown_counts
from cekalwatch.server.cli.options import Config, DataDir
from cekalwatch.server.cli.output import byte_progress

if TYPE_CHECKING:
    from cekalwatch.server.backup.manifest import Manifest
    from cekalwatch.server.backup.restoring import Restored

EPILOG = (
    "Examples:\n\n  cekalwatch-server restore cekalwatch-batam-20261126T020000Z.age --identity backup.key "
    "--data-dir /var/lib/cekalwatch\n\n"
    "  cekalwatch-server restore BACKUP --identity backup.key --look\n\n"
    "Exit code 0: the site is back, and its audit trail is whole. 65: the backup is not whole, and nothing was "
    "written; or the site is back, and its trail is not the one that was signed. 77: the private key is another one. "
    "See docs/backup.md."
)


def restore(
    archive: Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup's file.")],
    identity: Annotated[Path, typer.Option(metavar="FILE", help="File of the private key that it was made for.")],
    look: Annotated[bool, typer.Option("--look", help="Read all of it, say what is in it, and write nothing.")] = False,
    keys_from: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Data folder from which to take the keys that are not in the backup."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A file of checkpoints that an auditor has kept: the backup must be of that server."),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Bring a site back to where the settings say, and look whether it is whole. It overwrites nothing."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.audit.checkpoints import KeptCheckpoint
    from cekalwatch.server.backup import restoring
    from cekalwatch.server.backup.archive import AgeIdentity
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.errors import StorageError

    configure_logs("warning")
    key = AgeIdentity.read(identity)
    with byte_progress() as progress:
        task = progress.add_task("Reading", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        if look:
            manifest = restoring.look(archive, key, show)
        else:
            loaded = ServerSettings.load_with_sources(config, data_dir=data_dir)
            if loaded.file is None and data_dir is None:
                raise ProgramError("Where is the site to go? Name its folder: --data-dir, or settings: --config")
            settings = loaded.told()
            kept = [one for file in checkpoint or () for one in KeptCheckpoint.read(file)]
            try:
                found = restoring.restore(
                    archive, key, settings, keys_from=keys_from, kept=kept, now=datetime.now(UTC), progress=show
                )
            except StorageError as error:
                raise ProgramError(f"The database cannot be used: {error}", Exit.UNAVAILABLE) from None
    if look:
        _tell(manifest)
        typer.echo("It is whole. Nothing was written.")
    else:
        _tell_restored(found)


def _tell(manifest: Manifest) -> None:
    state = manifest.database
    typer.echo(f"Site {manifest.site}, as it was on {manifest.made_at.astimezone():%Y-%m-%d at %H:%M:%S}")
    typer.echo(f"In it: {shown_counts(state.counts)}; audit trail up to entry {state.entries}.")
    signer = manifest.signer or "nobody: take no backup of unknown origin"
    typer.echo(f"Made by version {manifest.version}, signed by: {signer}")


def _tell_restored(found: Restored) -> None:
    _tell(found.manifest)
    for path in found.placed:
        typer.echo(f"Restored: {path}")
    typer.echo("What was done after that moment is gone. The server says so in its status, log and audit trail.")
    if found.lacking:
        typer.echo("Before the server can start, put into their places:")
        for one in found.lacking:
            typer.echo(f"  {one}")
    for problem in found.problems:
        typer.echo(f"AUDIT TRAIL: {problem}")
    if found.problems:
        typer.echo(
            "The site is back, and its audit trail is not what was signed or seen last. When the backup is older than "
            "that, it must be so: let an auditor and an administrator accept it (audit accept-history, rows accept)."
        )
        raise typer.Exit(Exit.DATA_PROBLEMS)
    typer.echo(f"The audit trail is whole: {found.entries} entries. Next: cekalwatch-server check")

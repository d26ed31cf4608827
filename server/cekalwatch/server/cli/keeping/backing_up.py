"""`cekalwatch-server backup` and `backup-key`: backups that only the owner of a private key can read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, DataDir, loaded_settings
from cekalwatch.server.cli.output import byte_progress

if TYPE_CHECKING:
    from cekalwatch.server.backup.making import BackupMade
    from cekalwatch.server.settings.settings import ServerSettings

EPILOG = (
    "Examples:\n\n  cekalwatch-server backup\n\n"
    "  cekalwatch-server backup --to /mnt/backup --recipient age1… --with-keys\n\n"
    "The server may run meanwhile. Recipients, folder and the rest are in \\[backup] of the settings. "
    "See docs/backup.md."
)
KEY_EPILOG = (
    "Example:\n\n  cekalwatch-server backup-key /media/usb/backup.key\n\n"
    "Keep the file in a safe, never on the server: whoever has it can read all backups, and without it nobody can."
)


def backup(
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder that it goes to, instead of the configured one.")
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="age1…", help="Public key of who can read it, instead of the configured ones."),
    ] = None,
    with_keys: Annotated[
        bool | None,
        typer.Option(
            "--with-keys/--without-keys",
            help="Whether master key, audit key with its ledger, authority and certificate are in it.",
        ),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make a backup of database and settings, and of the keys if wanted, encrypted to the recipients' keys."""
    loaded = loaded_settings(config, data_dir)
    made = back_up(loaded.values, loaded.file, to=to, recipients=recipient, with_keys=with_keys)
    typer.echo(f"{made.file}: {made.size / 1e6:.1f} MB, as of {made.manifest.made_at.astimezone():%Y-%m-%d %H:%M:%S}")
    counts = made.manifest.database.counts
    typer.echo(f"In it: {shown_counts(counts)}; audit trail up to entry {made.manifest.database.entries}.")
    for file in made.removed:
        typer.echo(f"Removed: {file}")
    typer.echo("Not in it:")
    for one in made.manifest.not_included:
        typer.echo(f"  {one}")


def back_up(
    settings: ServerSettings,
    settings_file: Path | None,
    *,
    to: Path | None = None,
    recipients: list[str] | None = None,
    with_keys: bool | None = None,
) -> BackupMade:
    """Make a backup, and show how far it is. Raises ProgramError."""
    from dataclasses import replace

    from cekalwatch.server.backup.making import make_backup
    from cekalwatch.server.storage.errors import StorageError

    terms = settings.backup
    if recipients:
        settings = settings.model_copy(update={"backup": replace(terms, recipients=tuple(recipients))})
    folder = to or terms.folder
    if folder is None:
        raise ProgramError("Where is the backup to go? Name a folder: --to, or folder in [backup]", Exit.CONFIG)
    if not folder.is_dir():
        raise ProgramError(f"There is no folder {folder} for the backup; is its disk there?", Exit.NO_INPUT)
    with byte_progress() as progress:
        task = progress.add_task("Backing up", total=None)
        try:
            return make_backup(
                settings,
                settings_file,
                folder,
                with_keys=terms.with_keys if with_keys is None else with_keys,
                now=datetime.now(UTC),
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        except StorageError as error:
            raise ProgramError(f"The database cannot be read: {error}", Exit.UNAVAILABLE) from None


def backup_key(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="New file of the private key, on a disk that is taken away.")
    ],
) -> None:
    """Make a pair of keys for backups: the private one goes into FILE, the public one is shown."""
    from cekalwatch.program.secret_files import create_private
    from cekalwatch.server.backup.archive import AgeIdentity

    identity = AgeIdentity.new()
    if file.exists():
        raise ProgramError(f"There is a {file} already, which stays as it is: name another file", Exit.USAGE)
    try:
        create_private(file, identity.text.encode())
    except OSError as error:
        raise ProgramError(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"Private key: {file}; keep it in a safe, and a copy of it elsewhere, never on the server.")
    typer.echo(f'Public key, for the settings:\n\n[backup]\nrecipients = ["{identity.public}"]')


_SHOWN = {
    "subject": "subjects",
    "ban_order": "orders",
    "reference_face": "reference faces",
    "alert": "alerts",
    "person": "people",
}


def shown_counts(counts: dict[str, int]) -> str:
    """Return in words how many of the most important rows there are."""
    return ", ".join(f"{counts.get(table, 0)} {words}" for table, words in _SHOWN.items())

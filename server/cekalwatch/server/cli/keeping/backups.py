"""`cekalwatch-server backup`, `backup-key` and `restore`: backups that only the owner of a private key can read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, DataDir, with_loaded_settings
from cekalwatch.server.cli.output import byte_progress

if TYPE_CHECKING:
    from cekalwatch.program.settings import LoadedSettings
    from cekalwatch.server.backup.contents import Manifest
    from cekalwatch.server.backup.making import BackupMade
    from cekalwatch.server.backup.restoring import Restored
    from cekalwatch.server.settings.settings import ServerSettings


BACKUP_EPILOG = (
    "Examples:\n\n  cekalwatch-server backup\n\n"
    "  cekalwatch-server backup --to /mnt/backup --recipient age1… --with-keys\n\n"
    "The server may run meanwhile. Recipients, folder and the rest are in \\[backup] of the settings. "
    "See docs/backup.md."
)
KEY_EPILOG = (
    "Example:\n\n  cekalwatch-server backup-key /media/usb/backup.key\n\n"
    "Keep the file in a safe, never on the server: whoever has it can read all backups, and without it nobody can."
)


@with_loaded_settings
def backup(
    loaded: LoadedSettings[ServerSettings],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Target folder, instead of the configured one.")
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="age1…", help="Public key of a person who can read it, instead of the configured ones."),
    ] = None,
    with_keys: Annotated[
        bool | None,
        typer.Option(
            "--with-keys/--without-keys",
            help="Whether master key, audit key with its ledger, authority and certificate are in it.",
        ),
    ] = None,
) -> None:
    """Make a backup of database and settings, and of the keys if wanted, encrypted to the recipients' keys."""
    made = back_up(loaded.values, loaded.file, to=to, recipients=recipient, with_keys=with_keys)
    typer.echo(f"{made.file}: {made.size / 1e6:.1f} MB, as of {made.manifest.made_at.astimezone():%Y-%m-%d %H:%M:%S}")
    counts = made.manifest.database.counts
    typer.echo(f"In it: {shown_counts(counts)}; audit trail up to entry {made.manifest.database.entries}.")
    if made.manifest.signer:
        typer.echo(f"Signed by: {made.manifest.signer}. Keep this key beside the private one: a restore asks for it.")
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
    otherwise: str = "--to",
) -> BackupMade:
    """Make a backup, and show its progress. Raises ProgramError, which names the option that does `otherwise`."""
    from dataclasses import replace

    from cekalwatch.server.backup.making import make_backup
    from cekalwatch.server.storage.errors import StorageError

    terms = settings.backup
    if recipients:
        settings = settings.model_copy(update={"backup": replace(terms, recipients=tuple(recipients))})
    folder = to or terms.folder
    if folder is None:
        raise ProgramError(
            f"Where is the backup to go? Name a folder: folder in [backup] of the settings; or use {otherwise}",
            Exit.CONFIG,
        )
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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file for the private key, on a removable disk.")],
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
    """Return a sentence with the numbers of the most important rows."""
    return ", ".join(f"{counts.get(table, 0)} {words}" for table, words in _SHOWN.items())


RESTORE_EPILOG = (
    "Examples:\n\n  cekalwatch-server restore cekalwatch-batam-20261126T020000Z.age --identity backup.key "
    "--signer KEY --data-dir /var/lib/cekalwatch\n\n"
    "  cekalwatch-server restore BACKUP --identity backup.key --look\n\n"
    "Exit code 0: the site is back, and its audit trail is whole. 65: the backup is not whole, and nothing was "
    "written; or the site is back, and its trail is not the one that was signed. 77: the private key is another one. "
    "See docs/backup.md."
)


def restore(
    archive: Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup's file.")],
    identity: Annotated[Path, typer.Option(metavar="FILE", help="File of the matching private key.")],
    look: Annotated[bool, typer.Option("--look", help="Read all of it, show its content, and write nothing.")] = False,
    keys_from: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Data folder from which to take the keys that are not in the backup."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="An auditor's file of checkpoints: the backup must be of that server."),
    ] = None,
    signer: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Key that signed the backup, as `backup` showed it, kept elsewhere."),
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Take the backup whoever made it. Anybody can make one.")
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Restore a site into the places in the settings, and check that it is complete. It overwrites nothing."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.audit.checkpoints import KeptCheckpoint
    from cekalwatch.server.backup import restoring
    from cekalwatch.server.backup.archive import AgeIdentity
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.errors import StorageError

    configure_logs("warning")
    if not look and unsigned == bool(checkpoint or signer):
        raise ProgramError(
            "Whose backup is it? Anybody who knows a recipient's public key can make one. Name the key that signed it "
            "(--signer KEY, which `backup` showed) or an auditor's file (--checkpoint FILE); --look shows who signed "
            "it. Or take it whoever made it, with --unsigned alone",
            Exit.USAGE,
        )
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
                    archive,
                    key,
                    settings,
                    keys_from=keys_from,
                    signers=None if unsigned else frozenset(signer or ()),
                    kept=kept,
                    now=datetime.now(UTC),
                    progress=show,
                    own_settings=None if loaded.file else lambda settings: settings,
                )
            except StorageError as error:
                raise ProgramError(f"The database cannot be used: {error}", Exit.UNAVAILABLE) from None
    if look:
        _tell(manifest)
        typer.echo("It is complete in itself. Nothing was written. Is it yours? Compare who signed it.")
    else:
        _tell_restored(found, "" if unsigned else found.manifest.signer)


def _tell(manifest: Manifest) -> None:
    state = manifest.database
    typer.echo(f"Site {manifest.site}, as it was on {manifest.made_at.astimezone():%Y-%m-%d at %H:%M:%S}")
    typer.echo(f"In it: {shown_counts(state.counts)}; audit trail up to entry {state.entries}.")
    signer = manifest.signer or "nobody: take no backup of unknown origin"
    typer.echo(f"Made by version {manifest.version}, signed by: {signer}")


def _tell_restored(found: Restored, signer: str) -> None:
    """`signer` is the compared key; empty: none was."""
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
    if signer:
        typer.echo(f"The audit trail is whole: {found.entries} entries. Next: cekalwatch-server check")
    else:
        typer.echo(
            f"The audit trail agrees with itself: {found.entries} entries. Nobody compared who made the backup: look "
            "at people, list and alerts before you start the server. Next: cekalwatch-server check"
        )

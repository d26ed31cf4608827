"""The folder with the server's data: one server uses it, and the start detects lost files."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import structlog

from cekalwatch.contract.values.status import RestoredBackup
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import FOLDER_MODE
from cekalwatch.server.audit.entry import stamp
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError

LOCK_FILE = "server.lock"

log = structlog.get_logger()


def hold_folder(folder: Path, stack: ExitStack) -> None:
    """Lock the data folder for this server until `stack` closes. Raises ProgramError when another one uses it.

    Two would sign with one key, and each would overwrite what the other has seen. On Windows nothing is held.
    """
    try:
        import fcntl
    except ImportError:
        return
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    held = stack.enter_context((folder / LOCK_FILE).open("ab"))
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ProgramError(
            f"Another server works in {folder}. Give each a `data_dir` of its own, or stop the other one first",
            Exit.UNAVAILABLE,
        ) from None


def tell_restored(store: AuditStore) -> RestoredBackup | None:
    """Return the backup that the site was restored from last, and write it to the log. Raises StorageError."""
    restored = store.restored_backup()
    if restored:
        log.warning("restored_from_backup", made_at=stamp(restored.made_at), restored_at=stamp(restored.restored_at))
    return restored


def make_database(settings: ServerSettings) -> None:
    """Make the database, unless it is there. Raises ProgramError, also when one is lost."""
    with closing(Database(settings.database_address)) as database:
        refuse_lost_database(settings, database)
        database.begin()


def refuse_lost_database(settings: ServerSettings, database: Database) -> None:
    """Raise ProgramError when the database is missing, but files of an earlier one exist."""
    try:
        if database.is_there:
            return
    except StorageError:
        return  # opening it reports that it cannot be used
    files = (settings.audit_key_file, settings.audit_ledger_file, settings.seen_versions_file)
    left = [str(file) for file in files if file.exists()]
    if left:
        raise ProgramError(
            f"The database {database.name} is gone or empty, and {', '.join(left)} belong to one that was there. "
            "Restore it from a backup, or mend the settings when it is elsewhere. Only if the site is to begin anew, "
            "without its list, people and alerts, move these files away",
            Exit.CONFIG,
        )


def refuse_lost_audit_key(settings: ServerSettings, store: AuditStore) -> None:
    """Raise ProgramError when the key that signed checkpoints is missing. Raises StorageError.

    Servers that share a database have a key each, so that its checkpoints may be by another; a ledger is this server's.
    """
    if settings.audit_key_from or settings.audit_key_file.exists():
        return
    is_alone = settings.database_address.startswith("sqlite")
    if settings.audit_ledger_file.exists() or (is_alone and store.checkpoints()):
        raise ProgramError(
            f"The audit key {settings.audit_key_file} is gone, and checkpoints were signed with it. Put it back from "
            "where its copy is kept, with mode 600. If it is lost, an auditor and an administrator sign for a new one: "
            "cekalwatch-server audit accept-history (docs/audit.md)",
            Exit.CONFIG,
        )

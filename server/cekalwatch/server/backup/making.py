"""Makes a backup of a site while its servers run. It blocks."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.version import version
from cekalwatch.server.audit.entry import Action, AuditEntry, operator
from cekalwatch.server.backup.archive import FileFacts, write_archive
from cekalwatch.server.backup.contents import DATABASE, FORMAT, SETTINGS, BackupRecord, Manifest, SiteFiles
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.snapshots.postgres_dump import postgres_snapshot
from cekalwatch.server.storage.snapshots.snapshot import DatabaseKind, Snapshot
from cekalwatch.server.storage.snapshots.sqlite_copy import sqlite_snapshot

NAME = "cekalwatch-{site}-{moment}.age"
_OLD = re.compile(r"cekalwatch-(?P<site>.+)-\d{8}T\d{6}Z\.age", re.ASCII)

STALE_S = 24 * 3600.0
"""A partial backup is abandoned when nothing was written to it for this long."""

Progress = Callable[[int, int | None], None]
"""Called with the packed bytes of the database and their total; None: the total is unknown."""


@dataclass(frozen=True)
class BackupMade:
    """A complete backup on the disk."""

    file: Path
    size: int
    manifest: Manifest
    removed: tuple[Path, ...]
    """Older backups that were removed."""


def make_backup(
    settings: ServerSettings,
    settings_file: Path | None,
    folder: Path,
    *,
    with_keys: bool,
    now: datetime,
    progress: Progress = lambda _done, _total: None,
) -> BackupMade:
    """Make a backup for the recipients in the settings, in `folder`. Raises ProgramError, StorageError, TokenError.

    The file appears when it is complete, with mode 0600. The audit trail, also the one in the backup, records it.
    """
    recipients = settings.backup.recipients
    if not recipients:
        raise ProgramError(
            "Nobody could read the backup: name the public key of a recipient (--recipient, or recipients in "
            "[backup]). Make a pair of keys with: cekalwatch-server backup-key FILE",
            Exit.CONFIG,
        )
    file = folder / NAME.format(site=settings.home.site, moment=now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"))
    made = list[Manifest]()
    with closing(Database(settings.database_address)) as database:
        database.check_exists()
        details = {"with_keys": "yes" if with_keys else "no", "recipients": len(recipients), "file": file.name}
        AuditStore(database).append(AuditEntry(now, operator(), Action.BACKUP_MADE, details=details))
        files = list(SiteFiles(settings).read()) if with_keys else []
        key = settings.present_audit_key()
        present = postgres_snapshot(database) if database.is_shared else sqlite_snapshot(Path(database.name))
        with _new_file(file) as handle, present as taken:

            def described(facts: dict[str, FileFacts]) -> bytes:
                manifest = Manifest(
                    form=FORMAT,
                    made_at=now,
                    version=version(),
                    site=settings.home.site,
                    kind=DatabaseKind.of(settings.database_address),
                    database=taken.state,
                    files=facts,
                    with_keys=with_keys,
                    not_included=SiteFiles(settings).missing(with_keys=with_keys),
                ).signed(key)
                made.append(manifest)
                return manifest.to_json()

            with os.fdopen(os.dup(handle), "wb") as out:
                write_archive(out, _files(settings_file, files, taken, progress), described, recipients)
    size = file.stat().st_size
    BackupRecord(now, str(file), size, with_keys).save(settings.backup_record_file)
    return BackupMade(file, size, made[0], tuple(_prune(folder, settings)))


def _files(
    settings_file: Path | None, keys: list[tuple[str, bytes]], taken: Snapshot, progress: Progress
) -> Iterator[tuple[str, Iterable[bytes]]]:
    try:
        if settings_file:
            yield SETTINGS, [settings_file.read_bytes()]
    except OSError as error:
        raise ProgramError(f"{settings_file} cannot be read: {error.strerror}", Exit.CONFIG) from None
    for name, content in keys:
        yield name, [content]
    yield DATABASE, _counted(taken, progress)


def _counted(taken: Snapshot, progress: Progress) -> Iterator[bytes]:
    done = 0
    for chunk in taken.chunks:
        done += len(chunk)
        progress(done, taken.total)
        yield chunk


class _new_file:  # noqa: N801  # it is used as a function
    """Gives the handle of a new file, which gets its name when the block succeeds. Raises ProgramError."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._draft = file.with_name(f".{file.name}.part")

    def __enter__(self) -> int:
        try:
            for left in self._file.parent.glob(".cekalwatch-*.age.part"):  # left by a killed program
                if time.time() - left.stat().st_mtime > STALE_S:
                    left.unlink(missing_ok=True)
            if self._file.exists():
                raise FileExistsError(0, "there is one of this second already")
            self._handle = os.open(self._draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            raise self._failed(error) from None
        return self._handle

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                os.fsync(self._handle)
                self._draft.rename(self._file)
                _sync_folder(self._file.parent)
        except OSError as failed:
            raise self._failed(failed) from None
        finally:
            os.close(self._handle)
            self._draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> ProgramError:
        return ProgramError(f"The backup {self._file} cannot be written: {error.strerror}", Exit.UNAVAILABLE)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _prune(folder: Path, settings: ServerSettings) -> Iterator[Path]:
    """Remove this site's oldest backups beyond the number to keep; names of one site sort by time."""
    if not settings.backup.keep:
        return
    ours = [
        path
        for path in folder.glob("cekalwatch-*.age")
        if (match := _OLD.fullmatch(path.name)) and match["site"] == settings.home.site
    ]
    for path in sorted(ours)[: -settings.backup.keep]:
        with suppress(OSError):
            path.unlink()
            yield path

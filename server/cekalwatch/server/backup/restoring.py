"""Restores a site from a backup into an empty place, and compares it with the backup's manifest. It blocks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import make_private_folder, write_private
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import KeptCheckpoint
from cekalwatch.server.audit.entry import Action, AuditEntry, operator, stamp
from cekalwatch.server.backup.archive import AgeIdentity, damaged, read_archive
from cekalwatch.server.backup.contents import AUDIT_LEDGER, DATABASE, MASTER_KEY, NAMED, SETTINGS, Manifest, SiteFiles
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.migrations.applying import Migrations, migrations_at
from cekalwatch.server.storage.snapshots.postgres_dump import postgres_restoring
from cekalwatch.server.storage.snapshots.snapshot import DatabaseKind, DatabaseState, Restoring, current_state
from cekalwatch.server.storage.snapshots.sqlite_copy import sqlite_restoring

STAGING = ".restoring"
MAX_PROBLEMS = 20

Progress = Callable[[int, int], None]
"""Called with the bytes read and their total."""


@dataclass(frozen=True)
class Restored:
    """A restored site."""

    manifest: Manifest
    state: DatabaseState
    placed: tuple[Path, ...]
    """Present places of the files of keys and settings."""
    entries: int
    """Entries of the audit trail, all of which were checked."""
    problems: tuple[str, ...]
    """Faults of the audit trail, in sentences."""
    lacking: tuple[str, ...]
    """What the site needs but lacks, in sentences."""
    settings: ServerSettings
    """Those of the restored site."""


def look(
    archive: Path,
    identity: AgeIdentity,
    progress: Progress = lambda _done, _total: None,
    settings: Callable[[bytes], object] = lambda _part: None,
) -> Manifest:
    """Read the whole backup and write nothing. Raises ProgramError when it cannot be restored by this program.

    `settings` gets the parts of the settings' file.
    """
    done, total = 0, archive.stat().st_size if archive.exists() else 0

    def count(name: str, part: bytes) -> None:
        nonlocal done
        done += len(part)
        progress(done, total)
        if name == SETTINGS:
            settings(part)

    manifest = Manifest.read(*read_archive(archive, identity, count), archive)
    if DATABASE not in manifest.files:
        raise damaged(archive, "it has no database")
    if migrations_at(manifest.database.revision, str(archive)) is Migrations.NEWER:
        raise ProgramError(
            f"{archive} is of a newer version of this program ({manifest.version}): update the program first",
            Exit.CONFIG,
        )
    return manifest


def restore(
    archive: Path,
    identity: AgeIdentity,
    settings: ServerSettings,
    *,
    keys_from: Path | None,
    signers: frozenset[str] | None,
    kept: Sequence[KeptCheckpoint],
    now: datetime,
    progress: Progress = lambda _done, _total: None,
    own_settings: Callable[[ServerSettings], ServerSettings] | None = None,
) -> Restored:
    """Restore the site to the places in `settings`; `kept`: an auditor's own checkpoints, which the trail must have.

    With `own_settings` the backup's settings count instead, as it changes them, in the data folder of `settings`. One
    of `signers`, or of who signed these, must have signed the backup; with None nobody needs to. Raises ProgramError
    when something exists there already, the key is wrong, or the backup is incomplete. In these cases nothing is
    written.
    """
    _refuse_used(settings)
    told = bytearray()
    manifest = look(archive, identity, settings=told.extend)
    kind = DatabaseKind.of(settings.database_address)
    if kind is not manifest.kind:
        raise ProgramError(
            f"The backup is of {manifest.kind}, and the settings name a database of {kind}: take the same kind",
            Exit.CONFIG,
        )
    trusted = {one.checkpoint.public_key for one in kept} | (signers or set())
    if (kept or signers is not None) and (not manifest.signer or manifest.signer not in trusted):
        raise ProgramError(
            f"{archive} is signed by {manifest.signer or 'nobody'}, and not by who was named: nothing was restored",
            Exit.DATA_PROBLEMS,
        )
    if own_settings and told:
        settings = own_settings(_own(bytes(told), settings.data_dir))
        _refuse_used(settings)
    _refuse_unwritable(settings, manifest)
    with _staging(settings) as staging:
        files = _Files(manifest, SiteFiles(settings), keys_from, staging)
        url = f"sqlite:///{staging / DATABASE}" if kind is DatabaseKind.SQLITE else settings.database_address
        empty: AbstractContextManager[Restoring] = (
            sqlite_restoring(url) if kind is DatabaseKind.SQLITE else postgres_restoring(url)
        )
        with empty as target:
            _write(archive, identity, target, files, progress)
        files.check_master_key()
        with closing(Database(url)) as database:
            state = current_state(database)
            if state != manifest.database:
                raise damaged(archive, "the database holds other rows than its manifest says")
            store = AuditStore(database)
            check = TrailCheck(store, manifest.signer, CheckpointLedger(files.staged(AUDIT_LEDGER)), kept)
            if not files.staged(AUDIT_LEDGER).exists():
                check = TrailCheck(store, manifest.signer, None, kept)
            problems = tuple(map(str, islice(check.problems(iter), MAX_PROBLEMS)))
            details: dict[str, int | str] = {"made_at": stamp(manifest.made_at), "entries": manifest.database.entries}
            store.append(AuditEntry(now, operator(), Action.BACKUP_RESTORED, details=details))
        if kind is DatabaseKind.SQLITE:
            files.add(Path(Database(settings.database_address).name), staging / DATABASE)
        placed = files.place()
        return Restored(manifest, state, placed, check.entries, problems, tuple(files.lacking()), settings)


def _own(text: bytes, data_dir: Path) -> ServerSettings:
    """Read a backup's settings. Raises ProgramError."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(text)
        file.flush()
        return ServerSettings.load(Path(file.name), data_dir=data_dir)


def _write(archive: Path, identity: AgeIdentity, target: Restoring, files: _Files, progress: Progress) -> None:
    done, total = 0, archive.stat().st_size

    def take(name: str, part: bytes) -> None:
        nonlocal done
        done += len(part)
        progress(done, total)
        if name == DATABASE:
            target.write(part)
        else:
            files.take(name, part)

    Manifest.read(*read_archive(archive, identity, take), archive)  # the file may have been replaced


class _Files:
    """Holds restored settings and keys in a folder beside the database, until they are moved to their places."""

    def __init__(self, manifest: Manifest, site: SiteFiles, keys_from: Path | None, staging: Path) -> None:
        self._manifest = manifest
        self._site = site
        self._staging = staging
        places = site.places() | {SETTINGS: site.settings.data_dir / "server.toml"}
        # A file outside the data folder that settings name may be there already, and newer.
        self._places = {name: place for name, place in places.items() if not _stays(name, place)}
        self._moves = dict[Path, Path]()
        if keys_from:
            self._take_from(keys_from)

    def staged(self, name: str) -> Path:
        """Return the path of the file until it is placed."""
        return self._staging / name.replace("/", "-")

    def take(self, name: str, part: bytes) -> None:
        if name not in self._places:
            return  # for example of a token's key, which these settings place elsewhere
        file = self.staged(name)
        before = file.read_bytes() if self._moves.get(self._places[name]) == file else b""
        write_private(file, before + part)
        self._moves[self._places[name]] = file

    def add(self, place: Path, file: Path) -> None:
        self._moves[place] = file

    def check_master_key(self) -> None:
        """Refuse another site's master key. Raises ProgramError."""
        file = self.staged(MASTER_KEY)
        wraps = self._manifest.database.master_keys
        if file.exists() and (found := KeyFile(file).read().key_id) not in wraps:
            raise ProgramError(
                f"The master key {found} does not open the database of this backup, which has {', '.join(wraps)}",
                Exit.CONFIG,
            )

    def place(self) -> tuple[Path, ...]:
        """Move all files to their places, and return these. Raises ProgramError."""
        try:
            for place, file in self._moves.items():
                if not place.parent.is_dir() or place.is_relative_to(self._site.settings.data_dir):
                    make_private_folder(place.parent)
                shutil.move(file, place)
        except OSError as error:
            raise ProgramError(f"A file cannot be put into its place: {error}", Exit.UNAVAILABLE) from None
        return tuple(self._moves)

    def lacking(self) -> Iterator[str]:
        """Yield what is missing in its place."""
        yield from self._site.lacking(signs=self._manifest.database.counts.get("audit_checkpoint", 0) > 0)

    def _take_from(self, folder: Path) -> None:
        """Copy the keys that the backup lacks from another data folder of the site."""
        if not folder.is_dir():
            raise ProgramError(f"There is no folder {folder} with keys", Exit.NO_INPUT)
        old = SiteFiles(self._site.settings.model_copy(update={"data_dir": folder})).places()
        for name, path in old.items():
            if (
                name in self._places
                and name not in self._manifest.files
                and path.exists()
                and path != self._places[name]
            ):
                self.take(name, path.read_bytes())


@contextmanager
def _staging(settings: ServerSettings) -> Iterator[Path]:
    """Make the data folder and a staging folder in it, removed when the block ends; an empty data folder goes too."""
    there = settings.data_dir.exists()
    make_private_folder(settings.data_dir)
    staging = settings.data_dir / STAGING
    with ExitStack() as stack:
        if not there:
            stack.callback(_remove_if_empty, settings.data_dir)
        shutil.rmtree(staging, ignore_errors=True)  # left by a killed program
        make_private_folder(staging)
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        yield staging


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _stays(name: str, place: Path) -> bool:
    return name.startswith(NAMED) and place.exists()


def _refuse_unwritable(settings: ServerSettings, manifest: Manifest) -> None:
    """Refuse, before anything is written, places of named files in which this account cannot write."""
    for name, place in SiteFiles(settings).places().items():
        if name in manifest.files and name.startswith(NAMED) and not place.exists():
            there = next(one for one in place.absolute().parents if one.exists())
            if not os.access(there, os.W_OK):
                raise ProgramError(
                    f"{place}, which the settings name, cannot be put back: this account cannot write in {there}. Make "
                    "its folder for this account, or run restore as root",
                    Exit.CONFIG,
                )


def _refuse_used(settings: ServerSettings) -> None:
    folder = settings.data_dir
    found = SiteFiles(settings).places().items()
    places = [path for name, path in found if path.exists() and not _stays(name, path)]
    if folder.exists() and any(path.name != STAGING for path in folder.iterdir()):
        raise ProgramError(
            f"There is something in {folder} already, which stays as it is. Stop its server, move it away "
            f"(mv {folder} {folder}.old) and run this again; --keys-from {folder}.old takes the keys from there",
            Exit.USAGE,
        )
    with closing(Database(settings.database_address)) as database:
        if not database.is_shared and Path(database.name).exists():
            places.append(Path(database.name))
    if places:
        raise ProgramError(
            f"{', '.join(map(str, places))} would be overwritten, and may be in use: move them away first", Exit.USAGE
        )

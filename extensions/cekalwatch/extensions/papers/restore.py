"""The drill of a lost server: a backup is restored elsewhere, checked, timed, and removed again."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.audit.checkpoints import KeptCheckpoint
from cekalwatch.server.backup.archive import AgeIdentity
from cekalwatch.server.backup.restoring import Progress, Restored, restore
from cekalwatch.server.settings.named_files import moved
from cekalwatch.server.settings.settings import ServerSettings


@dataclass(frozen=True)
class RestoreDrill:
    """A backup that was restored."""

    found: Restored
    age: timedelta
    """How old the backup was: what was done since would have been lost (the recovery point)."""
    seconds: float
    """Until the site was back, its whole trail was checked, and it would have served (the recovery time without people
    and machines)."""
    limit: timedelta
    """How old the settings allow the newest backup to be."""
    not_started: str
    """Why the restored site would not serve; empty: it would."""

    @property
    def passed(self) -> bool:
        """Whether the trail is whole, nothing is lacking, the site starts, and the backup is young enough."""
        return not (self.found.problems or self.found.lacking or self.not_started) and self.age <= self.limit


def drill_restore(
    archive: Path,
    identity: AgeIdentity,
    settings: ServerSettings,
    beside: Path,
    *,
    keys_from: Path | None,
    signers: frozenset[str] | None,
    kept: Sequence[KeptCheckpoint],
    now: datetime,
    progress: Progress = lambda _done, _total: None,
) -> RestoreDrill:
    """Restore `archive` into a private folder in `beside`, and remove it; the site in `settings` is not touched.

    A database of PostgreSQL is restored into the empty one that `settings` name, and stays. Raises ProgramError.
    """
    if not beside.is_dir():
        raise ProgramError(f"There is no folder {beside} to restore into", Exit.NO_INPUT)
    folder = Path(tempfile.mkdtemp(prefix="drill-", dir=beside))
    # Folders of keys belong to the site that runs; model packs come with the program.
    places = {"data_dir": folder / "data", "pki_dir": None, "tls_dir": None, "models_dir": settings.models_path}
    elsewhere = moved(settings.model_copy(update=places), lambda setting: folder / "files" / setting)
    try:
        begun = time.monotonic()
        found = restore(
            archive, identity, elsewhere, keys_from=keys_from, signers=signers, kept=kept, now=now, progress=progress
        )
        not_started = ""
        try:
            Server.try_out(elsewhere)
        except ProgramError as error:
            not_started = str(error)
        lasted, limit = time.monotonic() - begun, timedelta(hours=settings.backup.limit_hours)
        return RestoreDrill(found, now - found.manifest.made_at, lasted, limit, not_started)
    finally:
        shutil.rmtree(folder)

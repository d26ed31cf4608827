"""What a notifier that was killed leaves behind: the pictures of alerts in the folder that somebody named.

The folder is recorded before the first picture is written. Whatever of ours starts next for this user, a command too,
deletes the pictures, unless their notifier runs: then it holds its inbox.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from cekalwatch.notifier.console.picture_folder import delete_pictures
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.access import make_folder
from cekalwatch.program.secret_files import write_private

_RECORD = "pictures-"

log = structlog.get_logger()


class PictureRecord:
    """The record of the folder in which this agent writes pictures, in `state_dir`."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._file = settings.state_dir / f"{_RECORD}{settings.agent_id}"

    def note(self, folder: Path) -> None:
        """Record the folder; raises ProgramError."""
        try:
            make_folder(self._file.parent)
            write_private(self._file, str(folder.absolute()).encode())
        except OSError as error:
            raise ProgramError(f"Pictures cannot be kept: {self._file}: {error.strerror}", Exit.UNAVAILABLE) from None
        except ProgramError as error:  # no room, say: the notifier is started again until there is
            raise ProgramError(f"Pictures cannot be kept: {error}", Exit.UNAVAILABLE) from None

    def forget(self) -> None:
        """Remove the record: the pictures are gone."""
        self._file.unlink(missing_ok=True)


def delete_left(state_dir: Path) -> None:
    """Delete the pictures that notifiers with this `state_dir` left, and their records; failures are logged.

    Those of 0.2.0 were in folders that nobody had to name.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    unnamed = [state_dir / "images", *([Path(runtime) / "cekalwatch-notifier"] if runtime else ())]
    found = [(one.name, one) for parent in unnamed for one in parent.glob("*") if one.is_dir()]
    found += [(one.name.removeprefix(_RECORD), one) for one in state_dir.glob(f"{_RECORD}*")]
    for agent_id, place in found:
        if _is_held(state_dir / f"inbox-{agent_id}.sqlite3"):
            continue
        try:
            if place.is_dir():
                delete_pictures(place)
            else:
                delete_pictures(Path(place.read_text(encoding="utf-8")))
                place.unlink(missing_ok=True)
        except (OSError, UnicodeDecodeError) as error:
            log.warning("pictures_not_deleted", error=type(error).__name__)


def _is_held(inbox: Path) -> bool:
    """Whether the notifier with that inbox runs: it holds the file until it ends, however it ends."""
    if not inbox.exists():
        return False
    try:
        with closing(sqlite3.connect(inbox.absolute().as_uri() + "?mode=rw", uri=True, timeout=0)) as database:
            database.execute("SELECT 1 FROM shown LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:  # damaged: nobody can run with it
        return False
    return False

"""The pictures of alerts as files for any viewer, for screens that cannot show pictures. Only this user can read them,
and they are removed soon.

There are files only in a folder that somebody named. A file is removed when its alert is settled, when it is older than
the setting `picture_lifetime_seconds`, when the notifier ends and, after a kill, when anything of ours starts
(`left_pictures.py`).
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from types import TracebackType

import grpc
import structlog

from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.access import keep_to_owner, make_folder
from cekalwatch.wire.bounds import MAX_CROP_PIXELS

MAX_REFERENCES = 3
MAX_PERIOD_S = 10.0
"""The longest time between two searches for old files."""

log = structlog.get_logger()


@dataclass(frozen=True)
class ImagePaths:
    """Where the pictures of an alert are; empty when they could not be loaded, or have gone."""

    probe: Path | None = None
    references: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Kept:
    key: str
    paths: ImagePaths
    saved_at_s: float


class PictureFolder(BackgroundThread):
    """One folder for each alert, named by the alert's key, with `probe.jpg` and `ref1.jpg` and so on.

    As a context manager it deletes from a thread of its own. Its methods may be called from several threads.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[str], AlertPictures],
        lifetime: timedelta,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        """Make the folder and empty it; raises ProgramError when that is not possible.

        `load` returns the pictures of an alert by its key, or raises grpc.RpcError.
        """
        self._folder, self._load = folder, load
        self._lifetime_s, self._monotonic_s = lifetime.total_seconds(), monotonic_s
        super().__init__("pictures")
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.RLock()
        try:
            make_folder(folder)
            keep_to_owner(folder)
            self.delete_all()
        except OSError as error:
            raise ProgramError(f"Pictures cannot be kept in {folder}: {error}", Exit.UNAVAILABLE) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.delete_all()

    def paths(self, alert_id: str) -> ImagePaths:
        """Return where the alert's pictures are now."""
        with self._lock:
            kept = self._kept.get(alert_id)
        return kept.paths if kept else ImagePaths()

    def fetch(self, alert: Alert) -> None:
        """Load the pictures of an unsettled alert: once for each probe, and again after their removal. Those of a
        settled one are deleted, and those of one that does not say yet whom it asks about are loaded once it does.

        An alert without pictures is better than no alert, so failures to load or write are only logged.
        """
        if not alert.unsettled or not alert.pictures_key:
            self._drop(alert.alert_id)
            return
        with self._lock:
            kept = self._kept.get(alert.alert_id)
        if not alert.named or (kept and kept.key == alert.pictures_key):
            return
        try:
            pictures = self._load(alert.alert_id)
        except grpc.RpcError as error:
            log.warning("pictures_not_loaded", alert_id=alert.alert_id, code=error.code().name)
            return
        with self._lock:
            paths = self._save(alert.alert_id, pictures)
            self._kept[alert.alert_id] = _Kept(alert.pictures_key, paths, self._monotonic_s())

    def delete_old(self) -> None:
        """Delete the pictures that have been here for their time."""
        oldest_s = self._monotonic_s() - self._lifetime_s
        with self._lock:
            for alert_id in [alert_id for alert_id, kept in self._kept.items() if kept.saved_at_s <= oldest_s]:
                self._drop(alert_id)

    def delete_all(self) -> None:
        """Delete every picture of this agent; a user may have named a folder that holds other things too."""
        with self._lock:
            self._kept.clear()
            delete_pictures(self._folder)

    def _drop(self, alert_id: str) -> None:
        with self._lock:
            if self._kept.pop(alert_id, None):
                _delete(self._folder / alert_id)

    def _save(self, alert_id: str, pictures: AlertPictures) -> ImagePaths:
        """Save pictures in place of earlier ones: only plain JPEGs, and only under a key that is a UUID."""
        if not _is_key(alert_id):
            return ImagePaths()
        own = self._folder / alert_id
        try:
            _delete(own)
            own.mkdir(mode=0o700, exist_ok=True)
            probe = _write(own / "probe.jpg", pictures.probe)
            references = [
                _write(own / f"ref{number}.jpg", jpeg)
                for number, jpeg in enumerate(pictures.reference_jpegs[:MAX_REFERENCES], start=1)
            ]
        except OSError as error:
            log.warning("pictures_not_saved", alert_id=alert_id, error=type(error).__name__)
            return ImagePaths()
        return ImagePaths(probe, tuple(path for path in references if path))

    def _round(self) -> bool:
        if self._ended.wait(min(self._lifetime_s / 4, MAX_PERIOD_S)):
            return False
        try:
            self.delete_old()
        except OSError as error:
            log.warning("pictures_not_deleted", error=type(error).__name__)
        return True


def delete_pictures(folder: Path) -> None:
    """Delete the pictures of alerts in a folder, and nothing else of it. Raises OSError."""
    for own in tuple(folder.iterdir()) if folder.is_dir() else ():
        if _is_key(own.name) and own.is_dir():
            _delete(own)


def _is_key(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _write(path: Path, jpeg: bytes) -> Path | None:
    """Write a picture for an unknown viewer; return None if it is not a plain JPEG, which would be unsafe to open."""
    try:
        essence = read_plain_jpeg(jpeg, MAX_CROP_PIXELS).essence
    except PictureError:
        return None
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(essence)
    partial.replace(path)
    return path


def _delete(own: Path) -> None:
    for pattern in ("*.jpg", "*.part"):
        for path in own.glob(pattern):
            path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody put a file of their own into it: that one is not ours to delete
        own.rmdir()

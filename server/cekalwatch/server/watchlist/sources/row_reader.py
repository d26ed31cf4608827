"""Turns the rows of a source and their photographs into records, in the same way for each kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph, RecordError
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace, RecordMapper, Row
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES


class Photographs(Protocol):
    """The photographs of a source. Methods block, and raise SourceUnavailable when the whole source is gone."""

    def version(self, place: PhotographPlace) -> str:
        """Return a text that changes when the photograph changes, appears or disappears."""

    def load(self, place: PhotographPlace) -> Photograph | None:
        """Return the photograph, or the problem with it; None if the source says that there is none."""


class FolderPhotographs:
    """Photographs in a folder, named by their path in it; what is outside counts as unreadable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def version(self, place: PhotographPlace) -> str:
        """Return time and size of the file."""
        try:
            found = self._file(place).stat()
        except (OSError, RuntimeError, ValueError):
            return "none"
        return f"{found.st_size}-{found.st_mtime_ns}"

    def load(self, place: PhotographPlace) -> Photograph:
        """Return the file's content, or why it cannot be read."""
        name = place.name
        try:
            file = self._file(place)
            if not file.is_relative_to(self._folder.resolve()):
                return Photograph(name, problem=Code.PHOTO_UNREADABLE)
            if not file.exists():
                return Photograph(name, problem=Code.PHOTO_MISSING)
            if not file.is_file():  # reading a pipe would never end
                return Photograph(name, problem=Code.PHOTO_UNREADABLE)
            if file.stat().st_size > MAX_PHOTO_BYTES:
                return Photograph(name, problem=Code.PHOTO_TOO_LARGE)
            return Photograph(name, file.read_bytes())
        except (OSError, RuntimeError, ValueError):  # Python before 3.13 raises RuntimeError for links in a circle
            return Photograph(name, problem=Code.PHOTO_UNREADABLE)

    def _file(self, place: PhotographPlace) -> Path:
        return (self._folder / place.address.replace("\\", "/")).resolve()


class NoPhotographs:
    """For a source whose settings do not say where its photographs are."""

    def version(self, _: PhotographPlace) -> str:
        """Return that there is none."""
        return "none"

    def load(self, place: PhotographPlace) -> Photograph:
        """Return that it is missing."""
        return Photograph(place.name, problem=Code.PHOTO_MISSING)


class RowReader:
    """Offers each row as a record whose photographs are loaded when they are asked for."""

    def __init__(self, mapper: RecordMapper, photographs: Photographs) -> None:
        self.mapper = mapper
        self._photographs = photographs

    def item(self, place: str, row: Row | RecordError | None, *, repeated: bool = False) -> OfferedOrder | RefusedRow:
        """Return the order of a row. A row whose key came before is refused like one that cannot be read."""
        if isinstance(row, RecordError):
            return self.mapper.refused(place, None, row)
        try:
            mapped = self.mapper.read(row)
            if repeated and row is not None:
                raise self.mapper.repeated(row)
        except RecordError as error:
            return self.mapper.refused(place, row, error)
        places, photographs = mapped.photographs, self._photographs

        def load() -> ImportRecord:
            return mapped.record([found for one in places if (found := photographs.load(one))])

        fingerprint = mapped.fingerprint([photographs.version(one) for one in places])
        return OfferedOrder(mapped.order.order_id, mapped.order.subject_id, fingerprint, load)

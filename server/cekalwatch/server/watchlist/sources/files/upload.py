"""A list that somebody sent as one file: a table, a spreadsheet, or an archive of a folder. It is in memory only."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import ExitStack, closing
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cekalwatch.contract.values.imports import CellCorrection
from cekalwatch.program.confined.limits import Limits
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.files.archive import MAX_TABLE_BYTES, SPREADSHEET, archive_answers
from cekalwatch.server.watchlist.sources.files.folder import FolderSource
from cekalwatch.server.watchlist.sources.handmade import HandmadeList
from cekalwatch.server.watchlist.sources.list_process import Content, ListProcess
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace
from cekalwatch.server.watchlist.sources.row_reader import NoPhotographs, Photographs
from cekalwatch.server.watchlist.sources.settings import Encoding, FolderSettings, SpreadsheetSettings
from cekalwatch.server.watchlist.sources.source import Reading
from cekalwatch.wire.bounds import MAX_LIST_FILE_BYTES, MAX_PHOTO_BYTES

if TYPE_CHECKING:
    from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource

MEMORY_BYTES: Final = 2 * MAX_LIST_FILE_BYTES + 2 * MAX_TABLE_BYTES + 600_000_000
PROCESSOR_S: Final = 600


class ArchiveFiles:
    """The files of an archive, which another process unpacks. Methods raise SourceUnavailable."""

    def __init__(self, content: Content) -> None:
        limits = Limits(memory_bytes=MEMORY_BYTES, processor_s=PROCESSOR_S)
        self._process = ListProcess(archive_answers, content.name, limits, MAX_TABLE_BYTES)
        try:
            found = self._process.begin_with(json.dumps({"bytes": len(content.data)}).encode(), content)
            self.is_spreadsheet = found == SPREADSHEET
            self.table, self._sizes = ("", {}) if self.is_spreadsheet else self._listed(found)
        except BaseException:
            self.close()
            raise
        self.named: set[str] = set()
        """The files that rows have named so far."""

    def _listed(self, found: object) -> tuple[str, dict[str, int]]:
        sizes = dict[str, int]()
        for one in found if isinstance(found, list) else ():
            match one:
                case [str(name), int(size)]:
                    sizes[name] = size
        if not sizes:
            raise self._process.unfit()
        table = next(iter(sizes))
        del sizes[table]
        return table, sizes

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def read_table(self) -> Content:
        """Return the table."""
        return Content(self.table, self._process.ask_bytes(self.table.encode()))

    @property
    def without_use(self) -> Collection[str]:
        """The files that no row has named so far."""
        return self._sizes.keys() - self.named

    def version(self, place: PhotographPlace) -> str:
        """Return the size of a photograph; whoever sends a list has it read once."""
        return str(self._sizes.get(_path(place), "none"))

    def load(self, place: PhotographPlace) -> Photograph:
        """Return a photograph, or why it cannot be had."""
        path = _path(place)
        size = self._sizes.get(path)
        if size is None:
            return Photograph(place.name, problem=Code.PHOTO_MISSING)
        self.named.add(path)
        if size > MAX_PHOTO_BYTES:
            return Photograph(place.name, problem=Code.PHOTO_TOO_LARGE)
        data = self._process.ask_bytes(path.encode())
        return Photograph(place.name, data) if data else Photograph(place.name, problem=Code.PHOTO_UNREADABLE)


class UploadedSource:
    """A source that is one file in memory. `close` forgets it."""

    def __init__(
        self, content: Content, encoding: Encoding, zone: tzinfo, corrections: Iterable[CellCorrection] = ()
    ) -> None:
        """`encoding` is that of a table; times without an offset are those of `zone`. Raises SourceUnavailable."""
        self._handmade = HandmadeList(corrections)
        self._open = ExitStack()
        self._files: ArchiveFiles | None = None
        try:
            self._source = self._open.enter_context(closing(self._read(content, encoding, zone)))
        except BaseException:
            self.close()
            raise

    def _read(self, content: Content, encoding: Encoding, zone: tzinfo) -> FolderSource | SpreadsheetSource:
        beside: Photographs = NoPhotographs()
        spreadsheet = content.is_old_or_sealed
        if content.is_archive:
            files = self._open.enter_context(closing(ArchiveFiles(content)))
            spreadsheet = files.is_spreadsheet
            if not spreadsheet:
                self._files, beside, content = files, files, files.read_table()
                spreadsheet = content.name.lower().endswith(".xlsx")
        if spreadsheet:
            from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource  # loads openpyxl

            settings = SpreadsheetSettings(kind="spreadsheet", file=Path(content.name))
            return SpreadsheetSource(settings, zone, beside, content, self._handmade)
        folder = FolderSettings(path=Path(), file=content.name, encoding=encoding)
        return FolderSource(folder, zone, beside, content, self._handmade)

    @property
    def without_use(self) -> Collection[str]:
        """Files of the archive that no row has named so far."""
        return self._files.without_use if self._files else ()

    def read(self) -> Reading:
        """Begin to read it; raises SourceUnavailable."""
        return self._source.read("")

    def close(self) -> None:
        """Forget it, and end the processes that read it."""
        self._open.close()


def _path(place: PhotographPlace) -> str:
    return place.address.replace("\\", "/").removeprefix("./")

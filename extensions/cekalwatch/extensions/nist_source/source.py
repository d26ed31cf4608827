"""A list that is a folder of packages of police or borders (ANSI/NIST-ITL), one person each.

A package says who somebody is. What it does not say, such as the kind of ban and its days, comes from the settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import Final

from cekalwatch.contract.values.imports import MAX_FAULT_VALUE, FieldFault
from cekalwatch.extensions.nist_source.package import MAX_PACKAGE_BYTES, package_answers
from cekalwatch.extensions.nist_source.source_settings import PackagesSettings
from cekalwatch.program.confined.limits import Limits
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph, RecordError
from cekalwatch.server.watchlist.sources.files.row_index import RowIndex, position_in, row_keys
from cekalwatch.server.watchlist.sources.list_process import ListProcess
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace, RecordMapper, Row, folded_name
from cekalwatch.server.watchlist.sources.row_reader import RowReader
from cekalwatch.server.watchlist.sources.source import Reading, SourcePage, SourceTooCostly, SourceUnavailable

PAGE_ROWS: Final = 200
MAX_PACKAGES: Final = 20_000
MEMORY_BYTES: Final = 600_000_000
PROCESSOR_S: Final = 600
PACKAGE: Final = "package"
"""What is wrong where no field of a record is: the file."""
_PICTURES: Final = "photographs"
_BEFORE_NUMBER: Final = "#"


class PackagePictures:
    """The pictures of packages, named FILE#NUMBER. Methods raise SourceUnavailable."""

    def __init__(self, folder: Path, process: ListProcess) -> None:
        self._folder, self._process = folder, process

    def version(self, place: PhotographPlace) -> str:
        """Return size and time of the package."""
        return stamp(self._folder / place.address.rpartition(_BEFORE_NUMBER)[0])

    def load(self, place: PhotographPlace) -> Photograph:
        """Return the picture, or why it cannot be read."""
        file, _, number = place.address.rpartition(_BEFORE_NUMBER)
        data = self._process.ask_bytes(json.dumps([file, int(number) - 1]).encode())
        return Photograph(place.name, data) if data else Photograph(place.name, problem=Code.PHOTO_UNREADABLE)


def stamp(file: Path) -> str:
    """Return a text that changes with the file."""
    try:
        found = file.stat()
    except OSError:
        return "none"
    return f"{found.st_size}-{found.st_mtime_ns}"


class PackageSource:
    """A source that is a folder of packages. A reading can continue as long as none of them changes."""

    def __init__(self, settings: PackagesSettings, zone: tzinfo) -> None:
        """Times without an offset are those of `zone`."""
        self._settings = settings
        self._open = ExitStack()
        names = settings.mapping.fields
        self._columns = tuple(dict.fromkeys([*names.values(), *_document_columns(settings)]))
        with_pictures = replace(settings.mapping, fields={**names, _PICTURES: _PICTURES})
        self._mapper = RecordMapper(with_pictures, zone)

    @property
    def name(self) -> str:
        """The folder."""
        return f"packages {self._settings.path}"

    def close(self) -> None:
        """End the process."""
        self._open.close()

    def read(self, cursor: str) -> Reading:
        """Begin a reading."""
        self.close()
        settings, mapper = self._settings, self._mapper
        files = self._files()
        versions = repr([(file.name, stamp(file)) for file in files])
        mark = hashlib.sha256(versions.encode()).hexdigest()[:32]
        after = position_in(cursor, mark)
        folder = settings.path.absolute()
        limits = Limits(memory_bytes=MEMORY_BYTES, processor_s=PROCESSOR_S, readable=(folder,))
        process = self._open.enter_context(
            closing(ListProcess(package_answers, str(folder), limits, MAX_PACKAGE_BYTES))
        )
        asked = {"encoding": settings.encoding, "separator": settings.mapping.list_separator}
        process.begin(json.dumps({"folder": str(folder), "columns": self._columns, **asked}).encode())
        rows = {number: self._row(process, file.name) for number, file in enumerate(files, 1)}
        keys = (
            row_keys(mapper, number, number, None if isinstance(row, RecordError) else row)
            for number, row in rows.items()
        )
        index = self._open.enter_context(closing(RowIndex(keys)))
        reader = RowReader(mapper, PackagePictures(folder, process))
        names = {number: file.name for number, file in enumerate(files, 1)}
        pages = self._pages(reader, rows, names, index, after, mark)
        return Reading(whole=True, expected=len(index), pages=pages)

    def _files(self) -> Sequence[Path]:
        folder = self._settings.path
        try:
            files = sorted(file for file in folder.glob(self._settings.pattern) if file.is_file())
        except OSError as error:
            raise SourceUnavailable(f"Cannot read {folder}: {error.strerror}") from None
        if not folder.is_dir():
            raise SourceUnavailable(f"There is no folder {folder}")
        if len(files) > MAX_PACKAGES:
            raise SourceTooCostly(f"{folder} has more than {MAX_PACKAGES} packages: divide it")
        return files

    def _row(self, process: ListProcess, file: str) -> Row | RecordError:
        """Return the cells of a package, or why it cannot be read."""
        match process.ask(json.dumps([file, None]).encode()):
            case str(why):
                return _unreadable(why)
            case [None, int()]:
                return _unreadable("its texts of types 1 and 2 are longer than any person's")
            case [[*cells], int(pictures)] if len(cells) == len(self._columns):
                row: dict[str, object] = dict(zip(map(folded_name, self._columns), cells, strict=True))
                row[_PICTURES] = [f"{file}{_BEFORE_NUMBER}{number}" for number in range(1, pictures + 1)]
                return row
        raise process.unfit()

    def _pages(
        self,
        reader: RowReader,
        rows: Mapping[int, Row | RecordError],
        names: Mapping[int, str],
        index: RowIndex,
        after: int,
        mark: str,
    ) -> Iterator[SourcePage]:
        done, found = after, index.rows(after)
        while some := list(islice(found, PAGE_ROWS)):
            done += len(some)
            items = tuple(
                reader.item(f"package {names[row.place]}", rows[row.place], repeated=row.repeated) for row in some
            )
            yield SourcePage(items, f"{mark}:{done}" if done < len(index) else "")
        if done == after:
            yield SourcePage((), "")


def _unreadable(why: str) -> RecordError:
    """Return the error for a package of which a confined process says why it cannot be read."""
    error = RecordError(PACKAGE)
    shown = "".join(one if one.isprintable() else "?" for one in why[:MAX_FAULT_VALUE])
    error.faults = (FieldFault(PACKAGE, shown),)
    return error


def _document_columns(settings: PackagesSettings) -> list[str]:
    return [name for one in settings.mapping.documents for name in (one.number, one.country) if name]


KIND: Final = "packages"
Source = PackageSource

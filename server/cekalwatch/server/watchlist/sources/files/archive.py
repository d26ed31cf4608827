"""The confined process that opens an archive of a list: a table, and the photographs that it names.

An archive with a path out of the folder, a password, or extreme compression is refused completely.
"""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Generator, Sequence
from pathlib import PurePosixPath
from typing import Final

from cekalwatch.server.watchlist.sources.list_process import refusing, taken_in, written
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceSealed, SourceTooCostly
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

TABLES: Final = ("orders.csv", "orders.xlsx")
SPREADSHEET: Final = "[Content_Types].xml"
"""The part that each spreadsheet has."""
MAX_ENTRIES: Final = 50_000
MAX_NAME: Final = 500
MAX_TABLE_BYTES: Final = 100_000_000
MAX_UNPACKED_BYTES: Final = 2_000_000_000
MAX_EXPANSION: Final = 100
"""The largest ratio of unpacked size to archive size; tables of text reach about ten."""
FREE_BYTES: Final = 10_000_000
"""Of what unpacks, that may come of however little."""
_SEALED: Final = 1
"""A flag of an entry: it has a password."""
_LITTER: Final = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")
"""Names, or their beginnings, of what systems leave in folders by themselves."""


@refusing
def archive_answers(request: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process, with names and sizes, the table's first, and then with any file by its name.

    For a spreadsheet, which is an archive too, the answer is only SPREADSHEET.
    """
    asked = json.loads(request)
    content = yield from taken_in(asked["bytes"], written(None))
    try:
        with zipfile.ZipFile(content) as archive:
            if SPREADSHEET in archive.namelist():
                yield written(SPREADSHEET)
                return
            files = _files(archive, asked["bytes"])
            base, table = _table([*files])
            within = {name.removeprefix(base): entry for name, entry in files.items() if name.startswith(base)}
            sizes = {name: entry.file_size for name, entry in within.items() if not _is_litter(name)}
            del sizes[table]
            wanted = yield written([[table, within[table].file_size], *map(list, sizes.items())])
            while True:
                entry = within[wanted.decode()]
                most = MAX_TABLE_BYTES if entry is within[table] else MAX_PHOTO_BYTES
                wanted = yield _unpacked(archive, entry, most)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):  # names that are no UTF-8 raise the last
        raise SourceMisconfigured("the archive is damaged, or was not sent whole: make it anew") from None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Return a file of the archive; nothing of one that is damaged, whose photograph then cannot be read."""
    if entry.file_size > most:
        raise SourceTooCostly(f"a file in the archive has more than {most} bytes")
    try:
        with archive.open(entry) as file:
            return file.read(most)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # each way of packing has errors of its own
        return b""


def _files(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the files by name; raises SourceMisconfigured."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise SourceTooCostly(f"the archive has more than {MAX_ENTRIES} files")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(FREE_BYTES, MAX_EXPANSION * size):
        raise SourceTooCostly("the archive unpacks to far more than it is: it is damaged, or made to do harm")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if entry.flag_bits & _SEALED:
            raise SourceSealed("the archive has a password: make it anew without one")
        name = entry.filename
        if _leaves(name) or stat.S_ISLNK(entry.external_attr >> 16):
            raise SourceMisconfigured("the archive names a file outside its folder, or a link: make it anew")
        if entry.is_dir():
            continue
        if name in found:
            raise SourceMisconfigured("the archive has a name twice: make it anew")
        found[name] = entry
    return found


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    return outside or not name or len(name) > MAX_NAME or not name.isprintable()


def _table(names: Sequence[str]) -> tuple[str, str]:
    """Return the folder of the table, with a slash or empty, and its name."""
    found = [name for name in names if PurePosixPath(name).name.lower() in TABLES and not _is_litter(name)]
    if not found:
        raise SourceMisconfigured(f"the archive has no {' and no '.join(TABLES)}")
    if len(found) > 1:
        raise SourceMisconfigured(f"the archive has {len(found)} tables; one list has one")
    base, _, table = found[0].rpartition("/")
    return (f"{base}/" if base else ""), table


def _is_litter(name: str) -> bool:
    folded = name.lower()
    return folded.startswith(_LITTER[0]) or PurePosixPath(folded).name in _LITTER[1:]

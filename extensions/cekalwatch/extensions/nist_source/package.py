"""Packages of police and borders (ANSI/NIST-ITL 1-2011, annex B: the traditional encoding), such as INTERPOL's.

A package is about one person: texts of record types 1 and 2, and pictures of faces of type 10. Everything else, such as
fingerprints, is stepped over. It is read in a confined process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cekalwatch.server.watchlist.sources.list_process import array, refusing, written, written_row
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

MAX_PACKAGE_BYTES: Final = MAX_PHOTO_BYTES
MAX_RECORDS: Final = 1_000
MAX_FIELDS: Final = 1_000
"""Fields of a record, which have three digits."""

_RECORD_END, _FIELD_END, _BETWEEN, _ITEM_END = b"\x1c", b"\x1d", b"\x1e", b"\x1f"
_LENGTH: Final = re.compile(rb"(\d{1,2})\.0{0,2}1:(\d{1,9})\x1d")
_FIELD: Final = re.compile(rb"(\d{1,2})\.(\d{1,3}):")
_BINARY: Final = frozenset({3, 4, 5, 6, 7, 8})
"""Record types that begin with their length in four bytes, and have no tags."""
_FACE_RECORD: Final = 10
_PICTURE: Final = 999
_CONTENTS, _KIND_OF_PICTURE = "1.003", "10.003"
_FACE: Final = b"FACE"
_TEXT_RECORDS: Final = (1, 2)


class PackageError(Exception):
    """The file is no package, damaged, or about several people.

    The text names record, field and what would be right there, and nothing of its content but lengths and numbers.
    """


@dataclass(frozen=True)
class Package:
    """What is read of a package."""

    texts: Mapping[str, bytes]
    """The fields of types 1 and 2 by their names, such as "2.030"."""
    faces: tuple[bytes, ...]
    """Files of pictures."""


def read_package(data: bytes) -> Package:
    """Read the records. Raises PackageError."""
    texts, at = _record(data, 0, 1, "record 1 (type 1)")
    faces = list[bytes]()
    for number, kind in enumerate(_contents(texts), 2):
        record = f"record {number} (type {kind})"
        if kind in _BINARY:
            length = int.from_bytes(data[at : at + 4], "big")
            if length < 4 or at + length > len(data):
                raise PackageError(f"{record} says that it has {length} bytes, and {len(data) - at} are there")
            at += length
            continue
        fields, at = _record(data, at, kind, record)
        if kind in _TEXT_RECORDS:
            if "2.001" in texts:
                raise PackageError(f"{record} is a second one of type 2: a package is about one person")
            texts |= fields
        elif kind == _FACE_RECORD and fields.get(_KIND_OF_PICTURE, b"").upper() == _FACE:
            faces.append(fields.get("10.999", b""))
    return Package(texts, tuple(faces))


def _contents(texts: Mapping[str, bytes]) -> list[int]:
    """Return the types of the records after the first, as it counts them."""
    listed = [one.partition(_ITEM_END)[0] for one in texts.get(_CONTENTS, b"").split(_BETWEEN)[1:]]
    if len(listed) >= MAX_RECORDS:
        raise PackageError(f"field 1.003 lists more than {MAX_RECORDS} records")
    kinds = [int(one) if re.fullmatch(rb"\d{1,2}", one) else 0 for one in listed]
    if _CONTENTS not in texts or not all(1 < kind < 100 for kind in kinds):
        raise PackageError("field 1.003 must list the records: a type from 2 to 99 and a number for each")
    return kinds


def _record(data: bytes, at: int, kind: int, record: str) -> tuple[dict[str, bytes], int]:
    """Return the fields of a tagged record, and where the next begins."""
    begin = _LENGTH.match(data, at)
    if begin is None or int(begin[1]) != kind:
        raise PackageError(f"{record} must begin at byte {at} with {kind}.001 and its length")
    end = at + int(begin[2])
    last = end - 1
    if not begin.end() <= last < len(data):
        raise PackageError(f"field {kind}.001 of {record} says {int(begin[2])} bytes, and {len(data) - at} are there")
    if data[last:end] != _RECORD_END:
        raise PackageError(f"{record} must end after the {int(begin[2])} bytes of field {kind}.001, with the byte 1C")
    fields, at = {f"{kind}.001": begin[2]}, begin.end()
    while at < last:
        tag = _FIELD.match(data, at, last)
        if tag is None or int(tag[1]) != kind:
            before = next(reversed(fields))
            raise PackageError(f"{record} must have a field {kind}.NNN at byte {at}, after field {before}")
        if len(fields) == MAX_FIELDS:
            raise PackageError(f"{record} has more than {MAX_FIELDS} fields")
        stop = last if int(tag[2]) == _PICTURE else data.find(_FIELD_END, tag.end(), last)
        stop = last if stop < 0 else stop
        fields.setdefault(f"{kind}.{int(tag[2]):03}", data[tag.end() : stop])
        at = stop + 1
    return fields, end


def cell(value: bytes, encoding: str, separator: str) -> object:
    """Return a field as text: its items with a space between, its repetitions with the separator of lists."""
    try:
        return value.decode(encoding).replace("\x1f", " ").replace("\x1e", separator)
    except UnicodeDecodeError:
        return DAMAGED_VALUE


@refusing
def package_answers(request: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process: for a file's name, with its cells and the number of its pictures, or with the text

    of why it cannot be read; for a name and a number, with that picture, or nothing.
    """
    asked = json.loads(request)
    folder, names = Path(asked["folder"]), [str(name) for name in asked["columns"]]
    wanted = yield written(None)
    while True:
        file, number = json.loads(wanted)
        package = _opened(folder / file)
        if number is not None:
            faces = () if isinstance(package, str) else package.faces
            wanted = yield faces[number] if number < len(faces) else b""
            continue
        if isinstance(package, str):
            wanted = yield written(package)
            continue
        texts = (package.texts.get(name, b"") for name in names)
        cells = written_row([cell(text, asked["encoding"], asked["separator"]) for text in texts])
        wanted = yield array((cells, written(len(package.faces))))


def _opened(file: Path) -> Package | str:
    """Return the package, or why it cannot be read."""
    try:
        if (size := file.stat().st_size) > MAX_PACKAGE_BYTES:
            return f"it has {size} bytes; at most {MAX_PACKAGE_BYTES} are read"
        return read_package(file.read_bytes())
    except OSError as error:
        return f"it cannot be opened: {error.strerror}"
    except PackageError as error:
        return str(error)

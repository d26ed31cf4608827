"""A watchlist folder: `orders.csv` and photographs. `docs/watchlist-folder.md` describes it for those who make one.

Reading is strict: whatever cannot be read for certain is refused by its name, and nothing is guessed or left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import Subject
from cekalwatch.server.watchlist.records import (
    ImportRecord,
    Photograph,
    RecordError,
    build_order,
    build_subject,
    check_keys,
    photo_names,
)
from cekalwatch.server.watchlist.reports import RecordReport
from cekalwatch.server.watchlist.table import read_table
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

ORDERS_FILE = "orders.csv"
COLUMNS = (
    *("order_id", "subject_id", "kind", "decree_number", "decree_date", "requesting_agency", "reason"),
    *("valid_from", "valid_until", "urgent", "received_on", "extends_order_id", "revoked_at"),
    *("name", "aliases", "sex", "place_of_birth", "date_of_birth", "nationality", "nik", "travel_documents"),
    *("address", "occupation", "photographs"),
)
LIST_SEPARATOR = "|"
DOCUMENT_SEPARATOR = ":"

_YES_OR_NO = dict.fromkeys(("", "no", "tidak", "false", "0"), False) | dict.fromkeys(("yes", "ya", "true", "1"), True)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_MOST_SHOWN = 64


@dataclass(frozen=True)
class _Row:
    """A row that can be read, before its photographs are."""

    subject: Subject
    order: BanOrder
    names: tuple[str, ...]


class WatchlistFolder:
    """The records of a folder, base orders before their extensions, and reports on the rows that cannot be read."""

    def __init__(self, folder: Path, zone: tzinfo) -> None:
        """Read `orders.csv`; times without an offset are those of `zone`. Raises ProgramError when it is not usable."""
        self._folder = folder
        self._rows: list[_Row] = []
        self.refused: list[RecordReport] = []
        seen: set[str] = set()
        for line, cells in read_table(_orders_file(folder), COLUMNS):
            try:
                row = _row(cells, zone)
                if row.order.order_id in seen:
                    raise RecordError("order_id")  # a repeated key is refused like an unreadable one
                seen.add(row.order.order_id)
                self._rows.append(row)
            except RecordError as error:
                self.refused.append(_refused(line, cells, error))
        self._rows = _bases_first(self._rows)

    def __len__(self) -> int:
        """Count the records, without the refused rows."""
        return len(self._rows)

    def records(self) -> Iterator[ImportRecord]:
        """Give the records; each one's photographs are read at that moment, so that no others are in memory."""
        for row in self._rows:
            yield ImportRecord(row.subject, row.order, tuple(self._photograph(name) for name in row.names))

    def _photograph(self, name: str) -> Photograph:
        try:
            file = (self._folder / name.replace("\\", "/")).resolve()
            if not file.is_relative_to(self._folder.resolve()):
                return Photograph(name, problem=Code.PHOTO_UNREADABLE)
            if not file.exists():
                return Photograph(name, problem=Code.PHOTO_MISSING)
            if not file.is_file():  # reading a pipe would wait for ever
                return Photograph(name, problem=Code.PHOTO_UNREADABLE)
            if file.stat().st_size > MAX_PHOTO_BYTES:
                return Photograph(name, problem=Code.PHOTO_TOO_LARGE)
            return Photograph(name, file.read_bytes())
        except (OSError, RuntimeError):  # Python before 3.13 raises RuntimeError for links in a circle
            return Photograph(name, problem=Code.PHOTO_UNREADABLE)


def _orders_file(folder: Path) -> Path:
    file = folder / ORDERS_FILE
    if not file.is_file():
        what = f"{ORDERS_FILE} in {folder}" if folder.is_dir() else f"folder {folder}"
        raise ProgramError(f"There is no {what}", Exit.NO_INPUT)
    return file


def _row(cells: dict[str, str] | None, zone: tzinfo) -> _Row:
    """Read a row; raises RecordError."""
    if cells is None:
        raise RecordError("row")
    subject = build_subject(
        subject_id=cells["subject_id"],
        name=cells["name"],
        aliases=_list(cells["aliases"]),
        sex=cells["sex"].upper(),
        place_of_birth=cells["place_of_birth"],
        date_of_birth=cells["date_of_birth"],
        nationality=cells["nationality"].upper(),
        nik=cells["nik"],
        travel_documents=[_document(text) for text in _list(cells["travel_documents"])],
        address=cells["address"],
        occupation=cells["occupation"],
    )
    order = build_order(
        order_id=cells["order_id"],
        subject_id=cells["subject_id"],
        kind=cells["kind"].upper(),
        requesting_agency=cells["requesting_agency"],
        valid_from=cells["valid_from"],
        valid_until=cells["valid_until"],
        received_on=cells["received_on"],
        reason=cells["reason"],
        decree_number=cells["decree_number"],
        decree_date=cells["decree_date"],
        urgent=_yes_or_no("urgent", cells["urgent"]),
        extends_order_id=cells["extends_order_id"],
        revoked_at=_moment("revoked_at", cells["revoked_at"], zone),
    )
    check_keys(subject, order)
    return _Row(subject, order, photo_names(_list(cells["photographs"])))


def _list(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(LIST_SEPARATOR)] if cell else []


def _document(text: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in text.split(DOCUMENT_SEPARATOR)]
    match parts:
        case [kind, number]:
            return kind, number, ""
        case [kind, number, country]:
            return kind, number, country.upper()
        case _:
            raise RecordError("travel_documents")


def _yes_or_no(field: str, cell: str) -> bool:
    try:
        return _YES_OR_NO[cell.lower()]
    except KeyError:
        raise RecordError(field) from None


def _moment(field: str, cell: str, zone: tzinfo) -> datetime | None:
    """Read a day (its beginning) or a moment; None for an empty cell."""
    if not cell:
        return None
    try:
        if not _MOMENT.fullmatch(cell):
            raise RecordError(field)
        moment = datetime.fromisoformat(cell)
        moment.astimezone(zone)  # beyond year 1 or 9999, where there is no telling the day
    except (ValueError, OverflowError):
        raise RecordError(field) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _refused(line: int, cells: dict[str, str] | None, error: RecordError) -> RecordReport:
    """Report on a row by its keys, or by its line where it has no usable one."""
    shown = {name: (cells or {}).get(name, "") for name in ("order_id", "subject_id")}
    clean = {name: value[:_MOST_SHOWN] if value.isprintable() else "" for name, value in shown.items()}
    return RecordReport.refused(clean["order_id"] or f"line {line}", clean["subject_id"], error)


def _bases_first(rows: list[_Row]) -> list[_Row]:
    """Sort the rows so that an order comes before its extensions, and otherwise by the day of receipt."""
    extends = {row.order.order_id: row.order.extends_order_id for row in rows}

    def depth(key: str) -> int:
        seen: set[str] = set()
        while key in extends and key not in seen:
            seen.add(key)
            key = extends[key]
        return len(seen)

    return sorted(rows, key=lambda row: (depth(row.order.order_id), row.order.received_on))

"""Makes records from a source's rows by its mapping. It knows neither transports nor the content of photographs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from cekalwatch.contract.values.imports import MAX_FAULT_VALUE, FieldFault, RecordReport
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.watchlist.imports.records import (
    OPTIONAL_COLUMNS,
    ImportRecord,
    Photograph,
    RecordError,
    build_order,
    build_subject,
    check_keys,
    key,
    photo_names,
)
from cekalwatch.server.watchlist.sources import values
from cekalwatch.server.watchlist.sources.row_faults import RowFaults
from cekalwatch.server.watchlist.sources.source import RefusedRow
from cekalwatch.server.watchlist.sources.written_days import DAY_FIELDS, WrittenDays

if TYPE_CHECKING:
    # The processes that read lists have no settings, and to load what validates them takes longer than a list.
    from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings

Row = Mapping[str, object]
Pick = Callable[[Row, str], object]

_ORDER_TEXTS = (
    *("order_id", "subject_id", "requesting_agency", "reason", "decree_number", "extends_order_id"),
    *OPTIONAL_COLUMNS,
)
_ORDER_DAYS = ("valid_from", "valid_until", "received_on", "decree_date")
_READ_OTHERWISE = {"aliases", "sex", "date_of_birth", "nationality", "travel_documents"}
_SUBJECT_TEXTS = tuple(field.name for field in fields(Subject) if field.name not in _READ_OTHERWISE)
_YEAR = re.compile(r"\d{4}", re.ASCII)


@dataclass(frozen=True)
class PhotographPlace:
    """A photograph that a row names."""

    name: str
    """Its name in reports."""
    address: str
    """Its place: a file's name, a path on a server, a column."""
    version: str = ""
    """Its version, if the row has one."""


@dataclass(frozen=True)
class MappedRow:
    """A row that was read, without its photographs."""

    subject: Subject
    order: BanOrder
    photographs: tuple[PhotographPlace, ...]

    def record(self, photographs: Sequence[Photograph]) -> ImportRecord:
        """Return the record with its photographs."""
        return ImportRecord(self.subject, self.order, tuple(photographs))

    def fingerprint(self, versions: Sequence[str]) -> str:
        """Return a digest of the row and of the versions of its photographs."""
        names = tuple(place.name for place in self.photographs)
        return hashlib.sha256(repr((self.subject, self.order, names, tuple(versions))).encode()).hexdigest()


def by_column(row: Row, name: str) -> object:
    """Return a cell of a table's row, whose columns have folded names."""
    return row.get(folded_name(name))


@cache
def folded_name(name: str) -> str:
    """Return a column's name in lower case and without line breaks, for comparisons."""
    return " ".join(name.split()).lower()


class RecordMapper:
    """Reads rows. `pick` returns the value of a name in a row, or None."""

    def __init__(
        self, mapping: MappingSettings, zone: tzinfo, pick: Pick = by_column, days: WrittenDays | None = None
    ) -> None:
        """Times without an offset are those of `zone`. With `days`, days are also read as people write them."""
        self._mapping = mapping
        self._columns = mapping.columns
        self._meanings = {
            field: {values.folded(written): meaning for written, meaning in meanings.items()}
            for field, meanings in mapping.values.items()
        }
        self._zone = zone
        self._pick = pick
        self._days = days

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that the source must have, each once."""
        documents = [name for one in self._mapping.documents for name in (one.number, one.country) if name]
        return tuple(dict.fromkeys([*self._columns.values(), *documents]))

    def column(self, field: str) -> str:
        """Return the source's name of `field`, or nothing."""
        return self._columns.get(field, "")

    def raw(self, row: Row, field: str) -> object:
        """Return the row's value of `field`, translated; None if there is none."""
        if field in self._mapping.constants:
            return self._mapping.constants[field]
        name = self._columns.get(field)
        return values.translated(self._pick(row, name), self._meanings.get(field, {})) if name else None

    def text(self, row: Row, field: str) -> str:
        """Return a field's text; raises RecordError."""
        return values.text(field, self.raw(row, field))

    def day(self, row: Row, field: str) -> str:
        """Return a day as YYYY-MM-DD, or nothing; raises RecordError."""
        return values.day(field, self._dated(row, field), self._mapping.date_formats, self._zone)

    def see(self, row: Row) -> None:
        """Look at the days of a row, before any is read."""
        if self._days:
            for field in DAY_FIELDS:
                self._days.see(field, self.raw(row, field))

    def _dated(self, row: Row, field: str) -> object:
        """Return the row's value of `field`, a day if a person wrote one; raises RecordError."""
        raw = self.raw(row, field)
        return self._days.read(field, raw.strip()) or raw if self._days and isinstance(raw, str) else raw

    def read(self, row: Row | None) -> MappedRow:
        """Read a row; raises RecordError with all faults."""
        if row is None:
            raise RecordError("row")
        faults = RowFaults()
        subject = faults.make(build_subject, self._subject_facts(row, faults))
        order = faults.make(build_order, self._order_facts(row, faults))
        faults.take(check_keys, subject, order)
        places = faults.take(self._photographs, row)
        faults.take(photo_names, [place.name for place in places])
        faults.check(lambda field: self.shown(row, field))
        return MappedRow(subject, order, places)

    def shown(self, row: Row, field: str) -> str:
        """Return what the source has of a field, untranslated, for the person who must correct it."""
        name = self._columns.get(field)
        value = self._pick(row, name) if name else self._mapping.constants.get(field)
        return values.shown(value, MAX_FAULT_VALUE)

    def repeated(self, row: Row) -> RecordError:
        """Return the error for a row whose key came before."""
        error = RecordError("order_id")
        error.faults = (FieldFault("order_id", self.shown(row, "order_id")),)
        return error

    def refused(self, place: str, row: Row | None, error: RecordError) -> RefusedRow:
        """Return the report on a row that cannot be read, under its key or, without a usable one, its `place`."""
        order_id, subject_id = (self._shown_key(row, field) for field in ("order_id", "subject_id"))
        return RefusedRow(RecordReport.refused(order_id or place, subject_id, error, place), keyed=bool(order_id))

    def _shown_key(self, row: Row | None, field: str) -> str:
        try:
            return key(field, self.text(row, field)) if row is not None else ""
        except RecordError:
            return ""

    def _subject_facts(self, row: Row, faults: RowFaults) -> dict[str, Any]:
        facts = {name: faults.take(self.text, row, name) for name in _SUBJECT_TEXTS}
        facts |= {name: faults.take(self.text, row, name).upper() for name in ("sex", "nationality")}
        read: dict[str, Callable[[Row], object]] = {
            "aliases": self._aliases,
            "date_of_birth": self._birth,
            "travel_documents": self._documents,
        }
        return facts | {name: faults.take(one, row) for name, one in read.items()}

    def _order_facts(self, row: Row, faults: RowFaults) -> dict[str, Any]:
        facts = {name: faults.take(self.text, row, name) for name in _ORDER_TEXTS}
        facts |= {name: faults.take(self.day, row, name) for name in _ORDER_DAYS}
        facts["kind"] = faults.take(self.text, row, "kind").upper()
        facts["urgent"] = faults.take(self._urgent, row)
        facts["revoked_at"] = faults.take(self._revocation, row)
        return facts

    def _urgent(self, row: Row) -> bool:
        return values.yes_or_no("urgent", self.raw(row, "urgent"))

    def _revocation(self, row: Row) -> datetime | None:
        field, mapping = "revoked_at", self._mapping
        return values.moment(field, self._dated(row, field), mapping.moment_formats, mapping.date_formats, self._zone)

    def _birth(self, row: Row) -> str:
        """Return a day of birth, or the year alone where no more is known."""
        raw = self.raw(row, "date_of_birth")
        if isinstance(raw, str | int | float) and _YEAR.fullmatch(year := values.text("date_of_birth", raw)):
            return year
        return self.day(row, "date_of_birth")

    def _aliases(self, row: Row) -> list[str]:
        return values.texts("aliases", self.raw(row, "aliases"), self._mapping.list_separator)

    def _documents(self, row: Row) -> list[tuple[str, str, str]]:
        field, mapping = "travel_documents", self._mapping
        if mapping.documents:
            return [
                (one.type, number, self._country(self._pick(row, one.country)) if one.country else "")
                for one in mapping.documents
                if (number := values.text(field, self._pick(row, one.number)))
            ]
        raw = self.raw(row, field)
        if isinstance(raw, Sequence) and not isinstance(raw, str | bytes):
            return [self._document(one) for one in raw]
        return [self._document(one) for one in values.texts(field, raw, mapping.list_separator)]

    def _document(self, raw: object) -> tuple[str, str, str]:
        field, names = "travel_documents", self._mapping.parts
        if isinstance(raw, Mapping):
            kind, number = (values.text(field, raw.get(name)) for name in (names.document_type, names.document_number))
            return kind, number, self._country(raw.get(names.document_country))
        parts = [part.strip() for part in values.text(field, raw).split(self._mapping.document_separator)]
        match parts:
            case [kind, number]:
                return kind, number, ""
            case [kind, number, country]:
                return kind, number, self._country(country)
            case _:
                raise RecordError(field)

    def _country(self, raw: object) -> str:
        """Return a country's code, translated as nationalities are."""
        meant = values.translated(raw, self._meanings.get("nationality", {}))
        return values.text("travel_documents", meant).upper()

    def _photographs(self, row: Row) -> tuple[PhotographPlace, ...]:
        field, raw = "photographs", self.raw(row, "photographs")
        if isinstance(raw, Sequence) and not isinstance(raw, str | bytes):
            return tuple(self._photograph(one) for one in raw)
        names = values.texts(field, raw, self._mapping.list_separator)
        return tuple(PhotographPlace(name, name) for name in names)

    def _photograph(self, raw: object) -> PhotographPlace:
        field, names = "photographs", self._mapping.parts
        if not isinstance(raw, Mapping):
            address = values.text(field, raw)
            return PhotographPlace(address, address)
        address = values.text(field, raw.get(names.photograph_address))
        name = values.text(field, raw.get(names.photograph_name))
        return PhotographPlace(name or address, address, values.text(field, raw.get(names.photograph_version)))

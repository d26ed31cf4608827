"""`[watchlist.source.mapping]`: the names and forms of a source's fields of an order.

`docs/connect-cekal.md` has a worked example for each kind of source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from cekalwatch.contract.values.imports import LIST_COLUMNS, REQUIRED_COLUMNS
from cekalwatch.program.settings import SECTION

FIELDS: Final = LIST_COLUMNS
"""What a record can state, as `docs/watchlist-folder.md` describes it."""
REQUIRED: Final = REQUIRED_COLUMNS
KEYS: Final = frozenset({"order_id", "subject_id", "extends_order_id"})
DEFAULT_DATE_FORMAT: Final = "%Y-%m-%d"

Name = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, kw_only=True, config=SECTION)
class DocumentColumns:
    """Columns that together hold one travel document, for sources that have no list of them."""

    type: Name
    """What the document is, such as "passport": a fixed text."""
    number: Name
    """The column with its number. A row in which it is empty has no such document."""
    country: str = ""
    """The column with the country that issued it; empty for none."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class PartNames:
    """A source's names for the parts of a travel document and of a photograph in JSON objects."""

    document_type: Name = "type"
    """What kind of travel document it is."""
    document_number: Name = "number"
    """Its number."""
    document_country: Name = "country"
    """The country that issued it."""
    photograph_address: Name = "address"
    """Where the photograph is."""
    photograph_version: Name = "version"
    """Anything that changes when the photograph does: an ETag, a digest, a time."""
    photograph_name: Name = "name"
    """What reports call the photograph."""


def _date_format(form: str) -> str:
    marks = re.findall(r"%(.)", form)
    if sorted(marks) not in (["Y", "d", "m"], ["B", "Y", "d"], ["Y", "b", "d"]):
        raise ValueError(f"{form!r} must have %d, %Y (four digits) and one of %m, %B and %b, each once, and no others")
    return form


def _moment_format(form: str) -> str:
    marks = re.findall(r"%(.)", form)
    if not {"Y", "d", "H", "M"} <= set(marks) or not {"m", "B", "b"} & set(marks) or "y" in marks:
        raise ValueError(f"{form!r} must have %d, %Y (four digits), one of %m, %B and %b, %H and %M")
    return form


@dataclass(frozen=True, kw_only=True, config=SECTION)
class MappingSettings:
    """How to read a source's rows: the names and forms of its fields."""

    fields: dict[str, Name] = Field(default_factory=dict)
    """Our field, and its name in the source: a column, or in JSON a path such as "orang.nama". Empty: the source has
    all fields under our names. Otherwise only the fields named here are read."""
    constants: dict[str, str] = Field(default_factory=dict)
    """Our field, and its value in every row, for what the source does not state."""
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Our field, and the meaning of its texts, such as kind = {"Cegah" = "CEGAH"}; case does not matter. The empty text
    can be translated too: valid_until = {"" = "9999-12-31"}."""
    date_formats: Annotated[tuple[Annotated[str, AfterValidator(_date_format)], ...], Field(min_length=1)] = (
        DEFAULT_DATE_FORMAT,
    )
    """How dates are written, in the notation of strptime. Months may have Indonesian or English names (%B, %b)."""
    moment_formats: tuple[Annotated[str, AfterValidator(_moment_format)], ...] = ()
    """How times are written, besides ISO 8601 and the formats of dates (which mean the beginning of the day)."""
    list_separator: Annotated[str, Field(min_length=1, max_length=5)] = "|"
    """What separates the entries of a list, such as aliases, in one cell."""
    document_separator: Annotated[str, Field(min_length=1, max_length=5)] = ":"
    """What separates type, number and country of a travel document in one cell."""
    documents: tuple[DocumentColumns, ...] = ()
    """Travel documents that are in columns of their own."""
    parts: PartNames = PartNames()
    """What the source calls the parts of a travel document and of a photograph where they are objects (JSON)."""

    @model_validator(mode="after")
    def _sound(self) -> MappingSettings:
        for name, part in (("fields", self.fields), ("constants", self.constants), ("values", self.values)):
            if unknown := sorted(set(part) - set(FIELDS)):
                raise ValueError(f"{name}: there is no field {', '.join(unknown)}; the fields are {', '.join(FIELDS)}")
        if both := sorted(set(self.fields) & set(self.constants)):
            raise ValueError(f"{', '.join(both)}: a field comes from the source or is constant, not both")
        if self.fields:
            known = {*self.fields, *self.constants}
            if missing := [name for name in REQUIRED if name not in known]:
                raise ValueError(f"fields: nothing says where {', '.join(missing)} comes from")
        if keyed := sorted({"order_id", "subject_id"} & set(self.constants)):
            raise ValueError(f"constants: {', '.join(keyed)} must tell rows apart")
        if "travel_documents" in self.fields and self.documents:
            raise ValueError("travel_documents come from a field or from `documents`, not both")
        if pair := _ambiguous(self.date_formats):
            raise ValueError(f"date_formats: {pair[0]!r} and {pair[1]!r} read the same text as different days")
        return self

    @property
    def columns(self) -> Mapping[str, str]:
        """What each field that is read is called in the source."""
        if self.fields:
            return self.fields
        left_out = {*self.constants, *(("travel_documents",) if self.documents else ())}
        return {name: name for name in FIELDS if name not in left_out}


def _ambiguous(formats: tuple[str, ...]) -> tuple[str, str] | None:
    probe = date(2001, 2, 3)
    for one in formats:
        for other in formats:
            try:
                if datetime.strptime(probe.strftime(one), other).date() != probe:  # noqa: DTZ007  # a day
                    return one, other
            except ValueError:
                continue
    return None

"""The configuration of a source: `[watchlist.source]`. `docs/connect-cekal.md` has a worked example of each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from cekalwatch.server.settings.watchlist_sync import SyncEntry
from cekalwatch.server.watchlist.sources.secrets import secret_form
from cekalwatch.wire.address import is_loopback

FIELDS: Final = (
    *("order_id", "subject_id", "kind", "decree_number", "decree_date", "requesting_agency", "reason"),
    *("valid_from", "valid_until", "urgent", "received_on", "extends_order_id", "revoked_at"),
    *("name", "aliases", "sex", "place_of_birth", "date_of_birth", "nationality", "nik", "travel_documents"),
    *("address", "occupation", "photographs"),
)
"""What a record can state, as `docs/watchlist-folder.md` describes it."""
REQUIRED: Final = (
    *("order_id", "subject_id", "kind", "requesting_agency", "valid_from", "valid_until", "received_on", "name"),
)
KEYS: Final = frozenset({"order_id", "subject_id", "extends_order_id"})
DEFAULT_DATE_FORMAT: Final = "%Y-%m-%d"

Encoding = Literal["utf-8", "windows-1252"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Secret = Annotated[str, AfterValidator(secret_form)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DocumentColumns(_Entry):
    """Columns that together hold one travel document, for sources that have no list of them."""

    type: Name
    """What the document is, such as "passport"; a fixed text."""
    number: Name
    """The column with its number; a row where it is empty has no such document."""
    country: str = ""
    """The column with the country that issued it; none when empty."""


class PartNames(_Entry):
    """What a source calls the parts of a travel document and of a photograph where they are objects (JSON)."""

    document_type: Name = "type"
    document_number: Name = "number"
    document_country: Name = "country"
    photograph_address: Name = "address"
    photograph_version: Name = "version"
    """Anything that changes when the photograph does: an ETag, a digest, a time."""
    photograph_name: Name = "name"


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


class MappingEntry(_Entry):
    """How a source's rows are to be read: what its fields are called, and how it writes what they hold."""

    fields: dict[str, Name] = {}
    """Our field, and what the source calls it: a column, or in JSON a path such as "orang.nama". Empty: the source has
    all fields under our names. Else just those that are named here are read."""
    constants: dict[str, str] = {}
    """Our field, and what it is in every row, for what the source does not state."""
    values: dict[str, dict[str, str]] = {}
    """Our field, and what its texts mean, such as kind = {"Cegah" = "CEGAH"}; capitals make no difference. The empty
    text may be translated too: valid_until = {"" = "9999-12-31"}."""
    date_formats: Annotated[tuple[Annotated[str, AfterValidator(_date_format)], ...], Field(min_length=1)] = (
        DEFAULT_DATE_FORMAT,
    )
    """How dates are written, as strptime knows it; months may have Indonesian or English names (%B, %b)."""
    moment_formats: tuple[Annotated[str, AfterValidator(_moment_format)], ...] = ()
    """How times are written, besides ISO 8601 and the formats of dates (a day's beginning)."""
    list_separator: Annotated[str, Field(min_length=1, max_length=5)] = "|"
    document_separator: Annotated[str, Field(min_length=1, max_length=5)] = ":"
    documents: tuple[DocumentColumns, ...] = ()
    parts: PartNames = PartNames()

    @model_validator(mode="after")
    def _sound(self) -> MappingEntry:
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


class _Source(_Entry):
    mapping: MappingEntry = MappingEntry()


class FolderEntry(_Source):
    """A folder with a CSV table and photographs."""

    kind: Literal["folder"] = "folder"
    path: Path
    file: Name = "orders.csv"
    """The table's name in it."""
    encoding: Encoding = "utf-8"
    """How the table's text is stored."""
    other_columns: Literal["refuse", "ignore"] = "refuse"
    """What becomes of a table with columns that the mapping does not know."""


class SpreadsheetEntry(_Source):
    """A spreadsheet file (XLSX) with photographs beside it."""

    kind: Literal["spreadsheet"]
    file: Path
    sheet: str = ""
    """The sheet's name; the first one that is not hidden when empty."""
    header_within: Annotated[int, Field(ge=1, le=1000)] = 50
    """How many rows from the top the row of column names is searched in; titles may stand above it."""
    photographs: Path | None = None
    """The folder of the photographs; that of the file when not set."""
    other_columns: Literal["refuse", "ignore"] = "ignore"


def _web_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be https://HOST[:PORT]/PATH")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password: use token_from or client_tls")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http" and not is_loopback(f"{host}:80"):
        raise ValueError("must be https; http is for this machine only")
    return address


class WebAccess(_Entry):
    """How to reach a web server, and to show who asks."""

    token_from: Secret = ""
    """Where the bearer token is: "file:PATH" (private) or "env:NAME"; none when empty."""
    client_tls: Path | None = None
    """Folder with certificate.pem and key.pem that are shown to the server."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the server's certificate; those of the system when not set."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """How long one step of an answer may take to come."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    """How often a request is tried before the source counts as unavailable."""
    back_off_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Longest pause before the second try; it doubles with each."""


class PageNames(_Entry):
    """What the application calls the parts of a page and the parameters of a question; parts may be paths."""

    orders: Name = "orders"
    withdrawn: Name = "withdrawn"
    """Keys of orders that have left the list."""
    next: Name = "next"
    """Where to go on: the next page while there is more, then what changes later."""
    more: Name = "more"
    total: Name = "total"
    cursor_parameter: Name = "cursor"
    limit_parameter: Name = "limit"


class HttpEntry(_Source):
    """An application that answers in JSON, as `docs/connect-cekal.md` describes."""

    kind: Literal["http"]
    address: Annotated[str, AfterValidator(_web_address)]
    """Of the list of orders."""
    access: WebAccess = WebAccess()
    page: PageNames = PageNames()
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    most_page_bytes: Annotated[int, Field(ge=1000, le=256_000_000)] = 16_000_000
    encoding: Encoding = "utf-8"
    """How its JSON is encoded; what is not in it refuses the record."""
    whole_every_h: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """How often the whole list is read all the same: what a delta gave wrongly does not come with the next one."""
    ask_photographs: bool = True
    """Whether a photograph without a version in its row is asked about (HEAD), to see that it changed."""


def _sql_address(address: str) -> str:
    try:
        url = make_url(address)
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise ValueError(f"the driver {error.name} is not installed") from None
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"no SQLAlchemy address with an installed driver ({type(error).__name__})") from None
    if url.password:
        raise ValueError("must not hold the password: use password_from")
    return address


class SqlEntry(_Source):
    """A query or view of a database."""

    kind: Literal["sql"]
    address: Annotated[str, AfterValidator(_sql_address)]
    """SQLAlchemy address, without the password."""
    password_from: Secret = ""
    """Where the password is: "file:PATH" (private) or "env:NAME"; none when empty."""
    query: Annotated[str, Field(min_length=1, max_length=100_000)]
    """A SELECT, or the name of a table or view (optionally with its schema)."""
    changed_column: str = ""
    """Column that rises with every change of a row (a time or a version number); without it each reading is whole."""
    changed_overlap_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """How far a delta goes back before the last change seen, for transactions that were committed later."""
    withdrawn_column: str = ""
    """Column that is true (or not 0, or a time) in rows of orders that have been taken out of the list."""
    whole_every_h: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """How often a reading is whole all the same, since a delta cannot see rows that were deleted."""
    photograph_columns: tuple[Name, ...] = ()
    """Columns that hold photographs as bytes, instead of names in the field `photographs`."""
    photograph_version: str = ""
    """Column that changes with the photographs in `photograph_columns`; without it they are read to see that."""
    photographs: Path | None = None
    """Folder of the photographs that the field `photographs` names."""
    photograph_server: Annotated[str, AfterValidator(lambda text: _web_address(text) if text else "")] = ""
    """Address that those names are relative to, in place of a folder."""
    access: WebAccess = WebAccess()
    """How to reach `photograph_server`."""
    rows_at_once: Annotated[int, Field(ge=1, le=10_000)] = 200
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0

    @model_validator(mode="after")
    def _one_place_of_photographs(self) -> SqlEntry:
        places = (self.photograph_columns, self.photographs, self.photograph_server)
        if sum(map(bool, places)) > 1:
            raise ValueError("photograph_columns, photographs and photograph_server exclude one another")
        return self


SourceEntry = Annotated[FolderEntry | HttpEntry | SqlEntry | SpreadsheetEntry, Field(discriminator="kind")]


class WatchlistEntry(_Entry):
    """Where the watchlist comes from."""

    source: SourceEntry | None = None
    """None: lists are imported by hand only."""
    sync: SyncEntry = SyncEntry()
    """When it is synchronised with that, and when that asks people first."""


def columns(mapping: MappingEntry) -> Mapping[str, str]:
    """Return what each field that is read is called in the source."""
    if mapping.fields:
        return mapping.fields
    left_out = {*mapping.constants, *(("travel_documents",) if mapping.documents else ())}
    return {name: name for name in FIELDS if name not in left_out}

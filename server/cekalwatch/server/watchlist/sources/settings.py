"""The settings of sources, one class for each kind: files, an application on the network, a database, a centre."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings, Name
from cekalwatch.server.watchlist.sources.secrets import SecretPlace
from cekalwatch.wire.address import address_form, is_loopback

Encoding = Literal["utf-8", "windows-1252"]
_PACKAGE_FIELD = re.compile(r"[12]\.\d{3}", re.ASCII)


@dataclass(frozen=True, kw_only=True, config=SECTION)
class FolderSettings:
    """A folder with a CSV table and photographs."""

    kind: Literal["folder"] = "folder"
    """Says that the source is a folder."""
    path: Path
    """The folder."""
    file: Name = "orders.csv"
    """Name of the table in it."""
    encoding: Encoding = "utf-8"
    """How the table's text is stored."""
    other_columns: Literal["refuse", "ignore"] = "refuse"
    """What to do with a table that has columns which the mapping does not know."""
    mapping: MappingSettings = MappingSettings()
    """How rows are read."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class SpreadsheetSettings:
    """A spreadsheet file (XLSX) with photographs beside it."""

    kind: Literal["spreadsheet"]
    """Says that the source is a spreadsheet."""
    file: Path
    """The spreadsheet file."""
    sheet: str = ""
    """Name of the sheet; when empty, the first visible one."""
    header_within: Annotated[int, Field(ge=1, le=1000)] = 50
    """The row of column names must be within this many rows from the top; titles may be above it."""
    photographs: Path | None = None
    """The folder of the photographs; when not set, that of the file."""
    other_columns: Literal["refuse", "ignore"] = "ignore"
    """What to do with a sheet that has columns which the mapping does not know."""
    mapping: MappingSettings = MappingSettings()
    """How rows are read."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class PackagesSettings:
    """A folder of packages of police or borders (ANSI/NIST-ITL), such as INTERPOL's, one person each."""

    kind: Literal["packages"]
    """Says that the source is such a folder."""
    path: Path
    """The folder."""
    pattern: Name = "*.nist"
    """Which of its files are packages, as in a shell."""
    encoding: Encoding = "utf-8"
    """How the packages' texts are stored."""
    mapping: MappingSettings
    """How packages are read. Its names are fields of record types 1 and 2, such as "2.030"; photographs are the faces
    of type 10."""

    @model_validator(mode="after")
    def _fields(self) -> PackagesSettings:
        if not self.mapping.fields or "photographs" in self.mapping.fields:
            raise ValueError("mapping.fields must say where each field comes from, and nothing of photographs")
        documents = [name for one in self.mapping.documents for name in (one.number, one.country) if name]
        names = (*self.mapping.fields.values(), *documents)
        if wrong := [name for name in names if not _PACKAGE_FIELD.fullmatch(name)]:
            raise ValueError(f"mapping: {wrong[0]!r} is no field of record type 1 or 2, such as 2.030")
        return self


def web_address(address: str) -> str:
    """Return `address`; raises ValueError when it is not https, or http on this machine, or holds a password."""
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be https://HOST[:PORT]/PATH")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password: use token_from or client_tls")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http" and not is_loopback(f"{host}:80"):
        raise ValueError("must be https; http is for this machine only")
    return address


@dataclass(frozen=True, kw_only=True, config=SECTION)
class WebAccess:
    """The access to a web server: address, credentials and certificates."""

    token_from: SecretPlace = ""
    """Where the bearer token is: "file:PATH" (private) or "env:NAME"; empty for none."""
    client_tls: Path | None = None
    """Folder with certificate.pem and key.pem that are shown to the server."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the server's certificate; when not set, those of the system."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that one step of an answer may take."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    """How often a request is tried before the source counts as unavailable."""
    back_off_seconds: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Longest pause before the second try, in seconds; it doubles with each try."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class PageNames:
    """What the application calls the parts of a page and the parameters of a request. Parts may be paths."""

    orders: Name = "orders"
    """The list of orders."""
    withdrawn: Name = "withdrawn"
    """Keys of orders that have left the list."""
    next: Name = "next"
    """The cursor: the next page while there is more, then later changes."""
    more: Name = "more"
    """Whether there are more pages now."""
    total: Name = "total"
    """How many orders there are in all."""
    cursor_parameter: Name = "cursor"
    """Parameter of a request with the cursor."""
    limit_parameter: Name = "limit"
    """Parameter of a request that says how many orders a page may have."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class HttpSettings:
    """An application that answers in JSON, as `docs/connect-cekal.md` describes."""

    kind: Literal["http"]
    """Says that the source is an application."""
    address: Annotated[str, AfterValidator(web_address)]
    """Address of the list of orders: https, or http on this machine."""
    access: WebAccess = WebAccess()
    """How to reach it."""
    page: PageNames = PageNames()
    """Its names for the parts of a page."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    """Orders of a page."""
    max_page_bytes: Annotated[int, Field(ge=1000, le=256_000_000)] = 16_000_000
    """Largest size of a page, in bytes."""
    encoding: Encoding = "utf-8"
    """How its JSON is encoded. A record that is not in this encoding is refused."""
    whole_every_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after which the whole list is read again, since a wrong record in a list of changes is not repeated."""
    ask_photographs: bool = True
    """Whether to send HEAD requests for photographs without a version in their row, to notice changes."""
    mapping: MappingSettings = MappingSettings()
    """How orders are read."""


MAX_ADDRESSES = 16
CENTRE_TLS_DIR = "centre"
"""Below the data folder: the certificate with which this server shows itself to a centre."""


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(addresses)) < len(addresses):
        raise ValueError("an address is there twice")
    return addresses


@dataclass(frozen=True, kw_only=True, config=SECTION)
class CentreSettings:
    """The server of a centre, whose list this server follows."""

    kind: Literal["centre"]
    """Says that the source is a centre."""
    addresses: Annotated[
        tuple[Annotated[str, AfterValidator(address_form)], ...],
        AfterValidator(_each_once),
        Field(min_length=1, max_length=MAX_ADDRESSES),
    ]
    """HOST:PORT of the centre's server, or of each of several that share its database."""
    tls_dir: Path | None = None
    """Folder with the certificate that `pki accept` got from the centre. When not set, `centre` in `data_dir`; while
    that does not exist, plaintext is spoken, and only to a centre on this machine."""
    whole_every_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after which the whole list is read again: what changes gave wrongly, the next ones do not repeat."""

    @property
    def name(self) -> str:
        """What the source is called."""
        return f"centre {self.addresses[0]}"


def _sql_address(address: str) -> str:
    from sqlalchemy import make_url  # slow to load, and most settings have no such source
    from sqlalchemy.exc import ArgumentError

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


@dataclass(frozen=True, kw_only=True, config=SECTION)
class SqlSettings:
    """A query or view of a database."""

    kind: Literal["sql"]
    """Says that the source is a database."""
    address: Annotated[str, AfterValidator(_sql_address)]
    """SQLAlchemy address, without the password."""
    password_from: SecretPlace = ""
    """Where the password is: "file:PATH" (private) or "env:NAME"; empty for none."""
    query: Annotated[str, Field(min_length=1, max_length=100_000)]
    """A SELECT, or the name of a table or view (with its schema if needed)."""
    changed_column: str = ""
    """Column that rises with every change of a row (a time or a version number). Without it, each run reads the whole
    list."""
    changed_overlap_seconds: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """Seconds before the last change seen at which a list of changes begins, for transactions that commit late."""
    withdrawn_column: str = ""
    """Column that is true (or not 0, or a time) in rows of orders that have been taken off the list."""
    whole_every_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after which the whole list is read again, since a list of changes does not show rows that were deleted."""
    photograph_columns: tuple[Name, ...] = ()
    """Columns that hold photographs as bytes, instead of names in the field `photographs`."""
    photograph_version: str = ""
    """Column that changes with the photographs in `photograph_columns`; without it they are read to see that."""
    photographs: Path | None = None
    """Folder of the photographs that the field `photographs` names."""
    photograph_server: Annotated[str, AfterValidator(lambda text: web_address(text) if text else "")] = ""
    """Address to which those names are relative, instead of a folder."""
    access: WebAccess = WebAccess()
    """How to reach `photograph_server`."""
    rows_at_once: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Rows that are fetched together."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that the database may take for a step."""
    mapping: MappingSettings = MappingSettings()
    """How rows are read."""

    @model_validator(mode="after")
    def _one_place_of_photographs(self) -> SqlSettings:
        places = (self.photograph_columns, self.photographs, self.photograph_server)
        if sum(map(bool, places)) > 1:
            raise ValueError("photograph_columns, photographs and photograph_server exclude one another")
        return self


SourceSettings = Annotated[
    FolderSettings | HttpSettings | SqlSettings | SpreadsheetSettings | PackagesSettings | CentreSettings,
    Field(discriminator="kind"),
]
"""`[watchlist.source]`: one of these, by its `kind`."""

"""The settings of sources, one class for each kind: files, an application on the network, a database, a centre."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings, Name
from cekalwatch.server.watchlist.sources.secrets import SecretPlace
from cekalwatch.wire.address import address_form, safe_url

Encoding = Literal["utf-8", "windows-1252"]


@dataclass(frozen=True, kw_only=True, config=SECTION)
class SourceFolder:
    """A folder from which a list is read."""

    path: Path
    """The folder."""
    encoding: Encoding = "utf-8"
    """How the texts of its files are stored."""


@dataclass(frozen=True, kw_only=True, config=SECTION)
class FolderSettings(SourceFolder):
    """A folder with a CSV table and photographs."""

    kind: Literal["folder"] = "folder"
    """Says that the source is a folder."""
    file: Name = "orders.csv"
    """Name of the table in it."""
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


def web_address(address: str) -> str:
    """Return `address`; raises ValueError when it is not https, or http on this machine, or holds a password."""
    parts = urlsplit(address)
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password: use token_from or client_tls")
    return safe_url(address)


@dataclass(frozen=True, kw_only=True, config=SECTION)
class WebAccess:
    """The access to a web server: address, credentials and certificates."""

    token_from: SecretPlace = ""
    """Where the bearer token is: "file:PATH" (private) or "env:NAME"; empty for none."""
    client_tls: Path | None = None
    """Folder with certificate.pem and key.pem, where the other end requires them."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
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
    """Hours after which the whole list is read again: changes repeat no wrong record, and show no deleted one."""
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
    """Hours after which the whole list is read again: changes repeat no wrong record, and show no deleted one."""

    @property
    def name(self) -> str:
        """What the source is called."""
        return f"centre {self.addresses[0]}"

"""The settings of sources that are files: a folder with a CSV table, and a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings, Name

Encoding = Literal["utf-8", "windows-1252"]


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
    """Name of the sheet; when empty, the first one that is not hidden."""
    header_within: Annotated[int, Field(ge=1, le=1000)] = 50
    """The row of column names is looked for in this many rows from the top; titles may stand above it."""
    photographs: Path | None = None
    """The folder of the photographs; when not set, that of the file."""
    other_columns: Literal["refuse", "ignore"] = "ignore"
    """What to do with a sheet that has columns which the mapping does not know."""
    mapping: MappingSettings = MappingSettings()
    """How rows are read."""

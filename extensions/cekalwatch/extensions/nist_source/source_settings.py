"""The settings of a folder of packages, as a source of the watchlist."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings, Name
from cekalwatch.server.watchlist.sources.settings import SourceFolder

_PACKAGE_FIELD = re.compile(r"[12]\.\d{3}", re.ASCII)


@dataclass(frozen=True, kw_only=True, config=SECTION)
class PackagesSettings(SourceFolder):
    """A folder of packages of police or borders (ANSI/NIST-ITL), such as INTERPOL's, one person each."""

    kind: Literal["packages"]
    """Says that the source is such a folder."""
    pattern: Name = "*.nist"
    """Which of its files are packages, as in a shell."""
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


SourceSettings = PackagesSettings

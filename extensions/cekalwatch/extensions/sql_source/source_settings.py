"""The settings of a database as a source of the watchlist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings, Name
from cekalwatch.server.watchlist.sources.secrets import SecretPlace
from cekalwatch.server.watchlist.sources.settings import WebAccess, web_address


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
    """Hours after which the whole list is read again: changes repeat no wrong record, and show no deleted one."""
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


SourceSettings = SqlSettings

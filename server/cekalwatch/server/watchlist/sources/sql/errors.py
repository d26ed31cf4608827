"""What a database's errors mean to the person who configures the source, without what they quote of rows."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    NoSuchColumnError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from cekalwatch.server.watchlist.sources.source import NotAList, SourceUnavailable

_MYSQL_ON_QUERIES: Final = frozenset({1052, 1054, 1060, 1142, 1143, 1356})
"""Its numbers for a column that is ambiguous, is not there or is there twice, for a right that is missing on a table or
a column, and for a view that is broken: its drivers say no more of them than of a connection that is lost."""
_NUMBER: Final = re.compile(r"\d{1,5}|[0-9A-Z]{5}|[A-Z]{3}-\d{4,5}", re.ASCII)


def unavailable(error: SQLAlchemyError) -> SourceUnavailable:
    """Return what to tell of an error: NotAList where the query is wrong, or may not be run."""
    kind = _kind(error)
    if isinstance(error, ProgrammingError | NoSuchColumnError) or _is_of_query(error):
        return NotAList(
            f"The database cannot run the query ({kind}): check query, columns and what the account may read"
        )
    if isinstance(error, OperationalError | InterfaceError):
        return SourceUnavailable(
            f"The database cannot be reached, or refuses to answer ({kind}): check address and password_from, and "
            "whether it runs"
        )
    return SourceUnavailable(f"The database cannot be read ({kind})")


def _is_of_query(error: SQLAlchemyError) -> bool:
    """Tell a wrong query where the driver's class of error does not."""
    found = _cause(error)
    if getattr(found, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return True
    return bool(found.args) and found.args[0] in _MYSQL_ON_QUERIES


def _kind(error: SQLAlchemyError) -> str:
    """Return the class of an error, with the database's number for it; its text may hold what the row does."""
    found = _cause(error)
    name: str = getattr(found, "sqlite_errorname", type(found).__name__)
    first = found.args[0] if found.args else ""
    number = str(getattr(first, "full_code", first))  # as Oracle's driver has it
    return f"{name} {number}" if _NUMBER.fullmatch(number) else name


def _cause(error: SQLAlchemyError) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error

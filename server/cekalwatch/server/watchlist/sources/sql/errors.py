"""Turns a database's errors into messages for the person who configures the source, without the content of rows."""

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

from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable

_MYSQL_ON_QUERIES: Final = frozenset({1052, 1054, 1060, 1142, 1143, 1356})
"""Error numbers for a column that is ambiguous, missing or there twice, for a missing right on a table or column, and
for a broken view: MySQL's drivers use the same exception for them as for a lost connection."""
_NOT_IN_ENCODING: Final = "22021"
"""The SQLSTATE of bytes that are no text in the connection's encoding."""
_NUMBER: Final = re.compile(r"\d{1,5}|[0-9A-Z]{5}|[A-Z]{3}-\d{4,5}", re.ASCII)


def unavailable(error: SQLAlchemyError) -> SourceUnavailable:
    """Return the exception for an error: SourceMisconfigured if query, rights or encoding are wrong."""
    kind = _kind(error)
    if getattr(_cause(error), "sqlstate", "") == _NOT_IN_ENCODING:
        return SourceMisconfigured(
            "The database has text that is not UTF-8, and does not say in which encoding it is: name it in `address`, "
            "as in ?client_encoding=WIN1252"
        )
    if isinstance(error, ProgrammingError | NoSuchColumnError) or _is_of_query(error):
        return SourceMisconfigured(
            f"The database cannot run the query ({kind}): check query, columns and what the account may read"
        )
    if isinstance(error, OperationalError | InterfaceError):
        return SourceUnavailable(
            f"The database cannot be reached, or refuses to answer ({kind}): check address and password_from, and "
            "whether it runs"
        )
    return SourceUnavailable(f"The database cannot be read ({kind})")


def _is_of_query(error: SQLAlchemyError) -> bool:
    """Whether the query is wrong, by the error's number; some drivers' exceptions do not say it."""
    found = _cause(error)
    if getattr(found, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return True
    return bool(found.args) and found.args[0] in _MYSQL_ON_QUERIES


def _kind(error: SQLAlchemyError) -> str:
    """Return the class of an error with the database's number; its text may quote a row."""
    found = _cause(error)
    name: str = getattr(found, "sqlite_errorname", type(found).__name__)
    first = found.args[0] if found.args else ""
    number = str(getattr(first, "full_code", first))  # as Oracle's driver has it
    return f"{name} {number}" if _NUMBER.fullmatch(number) else name


def _cause(error: SQLAlchemyError) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error

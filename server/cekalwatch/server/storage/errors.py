"""The error of the database, so that only `storage` knows the library behind it."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError, StatementError

from cekalwatch.program.errors import ToldError


class StorageError(ToldError):
    """The database cannot be used, or has impossible contents. The text is the kind of failure and quotes no row."""

    @classmethod
    def of(cls, error: SQLAlchemyError) -> StorageError:
        """Describe `error` by its kind and the driver's name for it, if any: SQLITE_FULL, DiskFull."""
        kind, name = type(error).__name__, driver_name(error)
        return cls(f"{kind}, {name}" if name and name != kind else kind)


def driver_name(error: SQLAlchemyError) -> str:
    """Return the driver's own name for a failure; empty if it has none."""
    cause = error.orig if isinstance(error, StatementError) else None
    return getattr(cause, "sqlite_errorname", "") or (type(cause).__name__ if cause else "")

"""Column types that SQLAlchemy does not bring."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, LargeBinary, TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored as UTC. SQLite drops the zone, so it is put back on reading; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn an aware moment into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Sealed(LargeBinary):
    """A sealed value. Whatever the database holds comes out as it is: SQLAlchemy's own conversion would end the whole
    query at one value that is no bytes.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        """Convert nothing; both drivers give bytes."""
        return

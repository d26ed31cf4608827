"""Column types that SQLAlchemy lacks, and the list of sealed columns.

A new sealed column belongs in `SEALED`, so that its values follow when the data key changes; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, LargeBinary, TypeDecorator
from sqlmodel import Field

from cekalwatch.server.encryption.keyring import AssociatedData

LATER = "later"
"""Marks, in a column's `info`, one that rows signed before do not have. It is NULL in them, and their MACs stay."""

SUBJECT_FACTS = AssociatedData("subject", "facts")
ORDER_FACTS = AssociatedData("ban_order", "facts")
PHOTO_SHA256 = AssociatedData("reference_face", "photo_sha256")
PHOTO = AssociatedData("reference_picture", "photo")
FACE_JPEG = AssociatedData("reference_picture", "face_jpeg")
TEMPLATE = AssociatedData("template", "vector", bound=("subject_id",))
PASSAGE_TEMPLATE = AssociatedData("alert_passage", "template")
PROBE_JPEG = AssociatedData("probe", "jpeg")
FINDING_FACTS = AssociatedData("alert_finding", "facts")
ALERT_AGENCY = AssociatedData("alert_agency", "agency")
FOLLOW_UP_FACTS = AssociatedData("alert_follow_up", "facts")
HAND_OVER_NOTES = AssociatedData("hand_over", "notes")
PORT_ALERT_FACTS = AssociatedData("port_alert", "facts")
EXERCISE_SUBJECT_FACTS = AssociatedData("exercise_subject", "facts")
EXERCISE_PICTURE = AssociatedData("exercise_picture", "jpeg")

SEALED = (
    SUBJECT_FACTS,
    ORDER_FACTS,
    PHOTO_SHA256,
    PHOTO,
    FACE_JPEG,
    TEMPLATE,
    PASSAGE_TEMPLATE,
    PROBE_JPEG,
    FINDING_FACTS,
    ALERT_AGENCY,
    FOLLOW_UP_FACTS,
    HAND_OVER_NOTES,
    PORT_ALERT_FACTS,
    EXERCISE_SUBJECT_FACTS,
    EXERCISE_PICTURE,
)

LIST_IDENTITY = AssociatedData("watchlist_state", "version")
LIST_POSITION = AssociatedData("watchlist_change", "version")
SUBJECT_IDENTITY = AssociatedData("subject_identity", "digest")
ORDER_CONTENT = AssociatedData("ban_order", "content_hash")
PHOTO_DIGEST = AssociatedData("reference_face", "photo_digest")
LIST_TOLD = AssociatedData("alert_told", "facts")
EXERCISE_TOKEN = AssociatedData("exercise", "token")
"""Digests, which are keyed but not sealed, because rows are found by them."""


Reader = Callable[[Any], Any]
"""Makes a value of what the database holds."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored as UTC. SQLite drops the zone, so it is put back on reading; a naive value is refused.

    An invalid value in SQLite is returned unchanged, since SQLAlchemy would abort the whole query; the check of the
    row's MAC finds it.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn an aware moment into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without time zone cannot be stored")
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Reader:
        """Return what reads a value: an aware moment in UTC."""
        read = self.impl_instance.result_processor(dialect, coltype)

        def moment_or_what_is_there(value: Any) -> Any:  # noqa: ANN401  # whatever SQLite holds
            try:
                found = read(value) if read else value
            except (TypeError, ValueError):
                return value
            if found is None:
                return None
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

        return moment_or_what_is_there


class Facts(JSON):
    """A list or object, as JSON. Other values are returned unchanged, as for `UtcDateTime`."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Reader:
        """Return what reads a value."""
        read: Any = super().result_processor(dialect, coltype)

        def facts_or_what_is_there(value: Any) -> Any:  # noqa: ANN401  # whatever SQLite holds
            try:
                return read(value)
            except (TypeError, ValueError):
                return value

        return facts_or_what_is_there


class Uninterpreted(LargeBinary):
    """Bytes. Any value of the database is returned unchanged: SQLAlchemy's own conversion would abort the whole query
    at one value that is not bytes.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        """Convert nothing; both drivers give bytes."""
        return


class Sealed(Uninterpreted):
    """A sealed value."""


def moment(*, index: bool = False) -> Any:  # noqa: ANN401  # SQLModel's field type
    """Return the field of a moment that every row has."""
    return Field(sa_column=Column(UtcDateTime(), nullable=False, index=index))


def moment_or_none(*, later: bool = False) -> Any:  # noqa: ANN401
    """Return the field of a moment that a row may have; `later`: see LATER."""
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=True, info={LATER: True} if later else {}))


def sealed() -> Any:  # noqa: ANN401
    """Return the field of a sealed value."""
    return Field(sa_column=Column(Sealed, nullable=False))

"""Tables of the watchlist: subjects, their ban orders, reference faces and templates.

Dates and lists are stored as text (ISO 8601, JSON) and read by the store row by row, so that a damaged value makes only
its own row unreadable. Personal values are sealed (`columns.py`); keys and dates, by which rows are found and ordered,
are not. Statuses are not stored: they are computed on request.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import moment, moment_or_none, sealed
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class SubjectRow(SignedRow, table=True):
    """A person, as the record that was stored last describes them."""

    __tablename__ = "subject"

    subject_id: str = Field(primary_key=True)
    facts: bytes = sealed()
    """Everything else that is known of the person, as JSON."""
    orders_moved_at: datetime | None = moment_or_none(later=True)
    """When its last order moved to another subject; None while it has orders. A subject without orders and without
    this has lost them to somebody who changed the database."""


class SubjectIdentityRow(SQLModel, table=True):
    """The digest of a subject's number, by which other subjects with the same number are found.

    It only says where to look: the sealed facts decide whether two subjects share a number, so it needs no MAC. A row
    that is missing hides one; `inventory.py` counts them.
    """

    __tablename__ = "subject_identity"

    subject_id: str = Field(primary_key=True, foreign_key="subject.subject_id")
    digest: str = Field(primary_key=True, index=True)
    """Keyed digest of a NIK, or of a travel document's type, number and country."""


class BanOrderRow(SignedRow, table=True):
    """A ban order. The order that it extends may arrive later, so that key is not a foreign key."""

    __tablename__ = "ban_order"

    order_id: str = Field(primary_key=True)
    subject_id: str = Field(foreign_key="subject.subject_id", index=True)
    kind: str
    valid_from: str
    valid_until: str
    received_on: str
    decree_date: str
    urgent: bool
    extends_order_id: str
    revoked_at: str
    """ISO 8601 in UTC, or empty."""
    withdrawn_at: str
    """The same: when its source was found to no longer have it."""
    urgent_since: str
    """ISO 8601, or empty: when it first arrived as urgent, if it now states a later receipt."""
    facts: bytes = sealed()
    """Requesting agency, reason, decree number and the like, as JSON: what has no column of its own."""
    content_hash: str
    """Keyed digest of the order and its subject in the record; it distinguishes a repeated record from a new one."""


class ReferenceFaceRow(SignedRow, table=True):
    """An enrolled photograph; its pictures are apart, so that reading many of these is light."""

    __tablename__ = "reference_face"
    __table_args__ = (UniqueConstraint("subject_id", "photo_digest", name="uq_reference_face_photo"),)

    reference_id: str = Field(primary_key=True)
    """A UUID of version 7."""
    subject_id: str = Field(foreign_key="subject.subject_id")
    photo_digest: str
    """Keyed digest of the photograph, which identifies it when it is sent again."""
    photo_sha256: bytes = sealed()
    figures: str
    """JSON object of the measurements, by name."""
    warnings: str
    """JSON list of codes."""


class ReferencePictureRow(SQLModel, table=True):
    """The original photograph, from which another model makes its templates, and the face for people to see."""

    __tablename__ = "reference_picture"

    reference_id: str = Field(primary_key=True, foreign_key="reference_face.reference_id")
    photo: bytes = sealed()
    face_jpeg: bytes = sealed()


class TemplateRow(SQLModel, table=True):
    """The template of a reference face in one model version. All its columns are sealed with it, so it needs no MAC."""

    __tablename__ = "template"
    __table_args__ = (Index("ix_template_subject", "subject_id", "model_version"),)

    reference_id: str = Field(primary_key=True, foreign_key="reference_face.reference_id")
    model_version: str = Field(primary_key=True, index=True)
    subject_id: str
    """That of the reference face."""
    vector: bytes = sealed()
    """Little-endian float32 numbers, of length 1 together."""


class LookalikeJudgementRow(SignedRow, table=True):
    """A list manager's judgement on two subjects with similar faces; no row without a judgement."""

    __tablename__ = "lookalike_judgement"

    first_id: str = Field(primary_key=True, foreign_key="subject.subject_id")
    """The smaller of the two keys."""
    second_id: str = Field(primary_key=True, foreign_key="subject.subject_id", index=True)
    judgement: str
    photographs: str
    """Digest of the keys of both subjects' reference faces at the time of the judgement."""
    judged_by: str
    """Key of the person, a UUID."""
    judged_at: datetime = moment()


class WatchlistStateRow(SQLModel, table=True):
    """One row, made by the first migration."""

    __tablename__ = "watchlist_state"

    id: int = Field(primary_key=True)
    version: int
    """Counts the changes of all tables above."""


class WatchlistSuccessRow(SignedRow, table=True):
    """When the watchlist was last updated from one source, or the source's own list from one of its sources."""

    __tablename__ = "watchlist_success"

    source: str = Field(primary_key=True)
    """Name of the source; empty: imports by hand. Of a source's own source: the name of that one too, after `: `."""
    last_success_at: datetime | None = moment_or_none()
    """None: never, as a source reports of its own source."""


class WatchlistChangeRow(SQLModel, table=True):
    """When a subject changed last: its facts, orders, reference faces or templates. See `changes.py`."""

    __tablename__ = "watchlist_change"

    subject_id: str = Field(primary_key=True)
    """No foreign key: it outlives the subject."""
    version: int = Field(index=True)
    """The change counter as of that change."""
    held: str = ""
    """Numbers and digest of the rows of the subject; see `inventory.py`."""

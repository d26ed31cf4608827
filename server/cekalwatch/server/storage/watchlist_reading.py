"""Reads many rows of the watchlist at once: pages of subjects, and the snapshot that recognition works on.

A damaged row is left out, counted and logged by its key, so that it harms nobody else's recognition.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import ReferenceFace, Subject
from cekalwatch.server.storage.watchlist_changes import current_version
from cekalwatch.server.storage.watchlist_rows import DAMAGED, WatchlistRows
from cekalwatch.server.storage.watchlist_tables import (
    BanOrderRow,
    ReferenceFaceRow,
    SubjectRow,
    TemplateRow,
)

UNIT_TOLERANCE = 1e-3
"""How far the length of a stored template may be from 1."""

Model = TypeVar("Model", bound=SQLModel)
Row = TypeVar("Row")
Value = TypeVar("Value")

log = structlog.get_logger()


@dataclass(frozen=True)
class SubjectFile:
    """A subject with what is held of it."""

    subject: Subject
    orders: tuple[BanOrder, ...]
    """Newest first."""
    references: tuple[ReferenceFace, ...]
    """Best first."""


@dataclass(frozen=True, eq=False)
class WatchlistSnapshot:
    """The watchlist as recognition needs it, as of one `version` of the change counter."""

    version: int
    model_version: str
    files: Mapping[str, SubjectFile]
    """By subject key."""
    templates: NDArray[np.float32]
    """Shape (n, size), each row of length 1."""
    reference_ids: tuple[str, ...]
    """The reference face of each row."""
    subject_ids: tuple[str, ...]
    """The subject of each row; each is in `files`."""
    unusable_templates: int
    """Templates that are damaged, of another size, or belong to a damaged subject."""
    references_without_template: int
    """Reference faces that have no template of this model version: they were enrolled with another model."""
    unreadable_rows: int
    """Subjects, orders and reference faces that are damaged."""


@dataclass
class RowReader:
    """Turns rows into domain values and counts those that cannot be."""

    unreadable: int = 0

    def read(self, found: Iterable[Row], convert: Callable[[Row], Value], key: Callable[[Row], str]) -> Iterable[Value]:
        """Give what `convert` makes of each row; `key` tells which row was damaged."""
        for row in found:
            try:
                yield convert(row)
            except DAMAGED as error:
                self.unreadable += 1
                # A traceback would show what the row holds.
                log.error("damaged row left out", key=key(row), error=type(error).__name__)  # noqa: TRY400


def is_template(vector: bytes) -> bool:
    """Whether an opened vector can be a template, of whatever size."""
    if len(vector) % 4:
        return False
    return bool(_have_length_1(np.frombuffer(vector, dtype="<f4").reshape(1, -1))[0])


def read_files(session: Session, rows: WatchlistRows, keys: Collection[str]) -> list[SubjectFile]:
    """Return the subjects of `keys` with what is held of them, by key."""
    return list(_files(session, rows, RowReader(), keys).values())


def read_snapshot(session: Session, rows: WatchlistRows, model_version: str, size: int) -> WatchlistSnapshot:
    """Return the snapshot. The counter is read first: what changes meanwhile makes the snapshot old, never wrong."""
    version = current_version(session)
    reader = RowReader()
    files = _files(session, rows, reader, None)
    query = (
        select(TemplateRow.reference_id, ReferenceFaceRow.subject_id, TemplateRow.vector)
        .join(ReferenceFaceRow)
        .where(col(TemplateRow.model_version) == model_version)
        .order_by(col(TemplateRow.reference_id))
    )
    found = session.exec(query).all()
    opened = ((*row[:2], _vector(rows, row[0], model_version, row[2])) for row in found if row[1] in files)
    sized = [row for row in opened if len(row[2]) == size * 4]
    vectors = np.frombuffer(b"".join(row[2] for row in sized), dtype="<f4").reshape(-1, size)
    good = _have_length_1(vectors)
    kept = [row for row, usable in zip(sized, good.tolist(), strict=True) if usable]
    unusable = len(found) - len(kept)
    if unusable:
        log.error("unusable templates left out", count=unusable, model_version=model_version)
    references = session.exec(select(func.count()).select_from(ReferenceFaceRow)).one()
    if missing := references - len(found):
        log.error("reference faces of another model left out", count=missing, model_version=model_version)
    return WatchlistSnapshot(
        version=version,
        model_version=model_version,
        files=files,
        templates=vectors[good].astype(np.float32, copy=False),
        reference_ids=tuple(row[0] for row in kept),
        subject_ids=tuple(row[1] for row in kept),
        unusable_templates=unusable,
        references_without_template=missing,
        unreadable_rows=reader.unreadable,
    )


def _have_length_1(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT_TOLERANCE)  # false for NaN


def _files(
    session: Session, rows: WatchlistRows, reader: RowReader, keys: Collection[str] | None
) -> dict[str, SubjectFile]:
    """Return the files of `keys`, or of everybody, in the order of their keys."""
    subjects = select(SubjectRow).order_by(col(SubjectRow.subject_id))
    orders = select(BanOrderRow).order_by(col(BanOrderRow.received_on).desc(), col(BanOrderRow.order_id).desc())
    faces = select(ReferenceFaceRow)
    if keys is not None:
        subjects = subjects.where(col(SubjectRow.subject_id).in_(keys))
        orders = orders.where(col(BanOrderRow.subject_id).in_(keys))
        faces = faces.where(col(ReferenceFaceRow.subject_id).in_(keys))
    orders_of: dict[str, list[BanOrder]] = defaultdict(list)
    for order in reader.read(_plain(session, BanOrderRow, orders), rows.order, lambda row: row.order_id):
        orders_of[order.subject_id].append(order)
    faces_of: dict[str, list[ReferenceFace]] = defaultdict(list)
    for face in reader.read(_plain(session, ReferenceFaceRow, faces), rows.reference, lambda row: row.reference_id):
        faces_of[face.subject_id].append(face)
    return {
        subject.subject_id: SubjectFile(
            subject,
            tuple(orders_of[subject.subject_id]),
            tuple(sorted(faces_of[subject.subject_id], key=_worst_last)),
        )
        for subject in reader.read(_plain(session, SubjectRow, subjects), rows.subject, lambda row: row.subject_id)
    }


def _plain(session: Session, table: type[Model], query: SelectOfScalar[Model]) -> Iterable[Model]:
    """Return what `query` finds as plain rows, which have the same attributes.

    Objects that SQLAlchemy tracks take three times as long to make, and a snapshot has hundreds of thousands.
    """
    columns = SQLModel.metadata.tables[str(table.__tablename__)].columns
    return cast("Iterable[Model]", session.execute(query.with_only_columns(*columns)))


def _vector(rows: WatchlistRows, reference_id: str, model_version: str, sealed: bytes) -> bytes:
    """Return a template's numbers; none when it does not open."""
    try:
        return rows.vector(reference_id, model_version, sealed)
    except DAMAGED as error:
        log.error("damaged template left out", key=reference_id, error=type(error).__name__)  # noqa: TRY400  # as above
        return b""


def _worst_last(face: ReferenceFace) -> tuple[int, float]:
    return len(face.warnings), -face.figures.eye_distance_px

"""Removes subjects with all their data, within a transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, delete, select, update

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.retention_store import remove_probes_of_nobody
from cekalwatch.server.storage.alerts.tables import AlertRow, EventLogRow
from cekalwatch.server.storage.models.tables import TemplateRefusalRow
from cekalwatch.server.storage.watchlist.changes import (
    count_change,
    lock_watchlist,
    note_emptied,
    remove_identities,
)
from cekalwatch.server.storage.watchlist.lookalikes import remove_judgements
from cekalwatch.server.storage.watchlist.tables import (
    BanOrderRow,
    ReferenceFaceRow,
    ReferencePictureRow,
    SubjectRow,
    TemplateRow,
)


@dataclass(frozen=True)
class SubjectDeletion:
    """Counts of the data that was deleted together with a subject."""

    order_ids: tuple[str, ...]
    photographs: int
    templates: int
    probes: int
    """Pictures of alerts about the subject."""

    @property
    def counts(self) -> dict[str, int]:
        """Its details in the audit trail, in addition to the keys."""
        return {"photographs": self.photographs, "templates": self.templates, "probes": self.probes}


def lock(session: Session) -> None:
    """Lock the watchlist and the alerts' log; the first step of a removal."""
    # An import must not add a photograph meanwhile, and no sighting may bring a better probe.
    lock_watchlist(session)
    session.exec(update(EventLogRow).values(pruned_through=EventLogRow.pruned_through))


def remove_subject(session: Session, subject_id: str) -> SubjectDeletion:
    """Remove a subject from all tables but those of the synchronisation; raises SUBJECT_NOT_FOUND.

    Pictures of alerts about them go too, but not while another candidate of the alert must be compared with them.
    """
    references = select(ReferenceFaceRow.reference_id).where(col(ReferenceFaceRow.subject_id) == subject_id)
    templates = session.exec(delete(TemplateRow).where(col(TemplateRow.reference_id).in_(references))).rowcount
    session.exec(delete(ReferencePictureRow).where(col(ReferencePictureRow.reference_id).in_(references)))
    session.exec(delete(TemplateRefusalRow).where(col(TemplateRefusalRow.reference_id).in_(references)))
    photos = session.exec(delete(ReferenceFaceRow).where(col(ReferenceFaceRow.subject_id) == subject_id)).rowcount
    orders = select(BanOrderRow.order_id).where(col(BanOrderRow.subject_id) == subject_id)
    order_ids = tuple(session.exec(orders.order_by(col(BanOrderRow.order_id))).all())
    session.exec(delete(BanOrderRow).where(col(BanOrderRow.subject_id) == subject_id))
    same_person = remove_identities(session, subject_id)
    remove_judgements(session, subject_id)
    if not session.exec(delete(SubjectRow).where(col(SubjectRow.subject_id) == subject_id)).rowcount:
        raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
    note_emptied(session, [subject_id])
    probes = remove_probes_of_nobody(session, col(AlertRow.subject_id) == subject_id)
    count_change(session, {subject_id, *same_person})
    return SubjectDeletion(order_ids, photos, templates, probes)

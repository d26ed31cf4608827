"""How many records and photographs of an import came to which end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import OrderFlag, OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome


@dataclass(frozen=True)
class Summary:
    """How many records and photographs came to which end."""

    records: int
    stored: int
    unchanged: int
    refused: int
    flagged: int
    renewed: int
    photos: int
    photos_enrolled: int
    photos_unchanged: int
    photos_refused: int
    photos_with_warnings: int


def summarise(reports: Sequence[RecordReport]) -> Summary:
    """Count."""
    records = Counter(report.outcome for report in reports)
    photos = [photo for report in reports for photo in report.photos]
    outcomes = Counter(photo.outcome for photo in photos)
    return Summary(
        records=len(reports),
        stored=records[ImportOutcome.STORED],
        unchanged=records[ImportOutcome.UNCHANGED],
        refused=records[ImportOutcome.REFUSED],
        flagged=sum(report.status is OrderStatus.INVALID for report in reports),
        renewed=sum(OrderFlag.RENEWED_TOO_LONG in report.flags for report in reports),
        photos=len(photos),
        photos_enrolled=outcomes[PhotoOutcome.ENROLLED],
        photos_unchanged=outcomes[PhotoOutcome.UNCHANGED],
        photos_refused=outcomes[PhotoOutcome.REFUSED],
        photos_with_warnings=sum(bool(photo.warnings) for photo in photos),
    )

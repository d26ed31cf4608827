"""What was done with an import's records and photographs, as `ImportReport` of the contract. No personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cekalwatch.contract.values.orders import OrderFlag, OrderRule, OrderStatus
from cekalwatch.contract.values.subjects import FaceFigures
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.watchlist.imports.records import RecordError


@dataclass(frozen=True)
class PhotoReport:
    """One photograph: `reason` goes with REFUSED, `warnings` with the others."""

    name: str
    outcome: PhotoOutcome
    reason: Code | None = None
    warnings: tuple[str, ...] = ()
    figures: FaceFigures | None = None
    """None where no face was found."""
    also_under: tuple[str, ...] = ()
    """Keys of other subjects with such a face, most similar first."""


@dataclass(frozen=True)
class RecordReport:
    """One order: `reason` and `field` go with REFUSED, `status` with the others, `broken_rules` with INVALID."""

    order_id: str
    subject_id: str
    outcome: ImportOutcome
    reason: Code | None = None
    field: str = ""
    status: OrderStatus | None = None
    broken_rules: tuple[OrderRule, ...] = ()
    flags: tuple[OrderFlag, ...] = ()
    photos: tuple[PhotoReport, ...] = ()
    place: str = ""
    """Where a refused record stands in its source; empty where that is not known."""

    @classmethod
    def refused(cls, order_id: str, subject_id: str, error: RecordError, place: str = "") -> Self:
        """Return the report on a record that cannot be read."""
        return cls(order_id, subject_id, ImportOutcome.REFUSED, error.code, error.field, place=place)

    @property
    def has_problem(self) -> bool:
        """Whether a person must look at it: refused, flagged with a broken rule, or with a refused photograph."""
        return (
            self.outcome is ImportOutcome.REFUSED
            or self.status is OrderStatus.INVALID
            or any(photo.outcome is PhotoOutcome.REFUSED for photo in self.photos)
        )

    @property
    def is_doubtful(self) -> bool:
        """Whether a person must find out why it is flagged, or a photograph's face under another subject as well."""
        return bool(self.flags) or any(photo.also_under for photo in self.photos)


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

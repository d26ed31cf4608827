"""Results of the orders and photographs of an import or its preview, and of synchronisations of the list.

No personal data but keys, and the values of fields that a list file's sender must correct (`FieldFault`).
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol, Self

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import AS_IT_CAME, Key
from cekalwatch.contract.values.orders import MAX_REVOCATION_REFERENCE, DateDoubt, OrderStatus, RevocationGround
from cekalwatch.contract.values.subjects import FaceFigures
from cekalwatch.contract.values.watchlist import NEVER_FRESH, Freshness, ImportOutcome, PhotoOutcome, SyncOutcome

MAX_PHOTO_NAME = 200
LIST_COLUMNS = (
    *("order_id", "subject_id", "kind", "decree_number", "decree_date", "requesting_agency", "reason"),
    *("valid_from", "valid_until", "urgent", "received_on", "extends_order_id", "revoked_at"),
    *("ground", "person_status", "revocation_ground", "revocation_reference"),
    *("name", "aliases", "sex", "place_of_birth", "date_of_birth", "nationality", "nik", "travel_documents"),
    *("address", "occupation", "photographs"),
)
"""The columns of a list, as `docs/watchlist-folder.md` describes them."""
REQUIRED_COLUMNS = (
    *("order_id", "subject_id", "kind", "requesting_agency", "valid_from", "valid_until", "received_on", "name"),
)
"""Those that must be filled."""
MAX_FAULT_VALUE = 200
"""Characters of a wrong value that are shown."""
MAX_CORRECTIONS = 500
"""Corrected cells of a list file."""
MAX_CORRECTION = 1000
"""Characters of a corrected cell."""
MAX_READINGS = 2
"""Days that a date can mean."""
EXAMPLE_ORDER_ID = "CONTOH-HAPUS-BARIS-INI"
"""Key of the example in the template of a list ("example, delete this row"); an order with it is refused."""


class FieldError(Protocol):
    """Why a record cannot be read."""

    @property
    def code(self) -> str:
        """A code of the error catalogue."""
        ...

    @property
    def field(self) -> str:
        """The first field that is missing or wrong."""
        ...

    @property
    def faults(self) -> tuple[FieldFault, ...]:
        """All of them."""
        ...


@dataclass(frozen=True)
class FieldFault:
    """A field of a record that is missing or wrong. Its value is personal data: it is shown, and not stored."""

    field: str
    value: Annotated[str, MaxLen(MAX_FAULT_VALUE), AS_IT_CAME] = dataclass_field(default="", repr=False)
    """As the file has it, shortened; empty: the field is empty or missing."""
    readings: Annotated[tuple[str, ...], MaxLen(MAX_READINGS)] = ()
    """The days, ISO 8601, that a date can mean of which the column does not tell whether the day comes first."""


class DayOrder(StrEnum):
    """What comes first in the days of a column, such as 01/11/2026."""

    DAY_FIRST = "DAY_FIRST"
    MONTH_FIRST = "MONTH_FIRST"


@dataclass(frozen=True)
class CellCorrection:
    """A cell of a list file that a person has corrected, or the order that they chose for a column of days."""

    place: str
    """The row, as `RecordReport.place` names it; empty for a column, whose value is a DayOrder."""
    field: str
    value: Annotated[str, MaxLen(MAX_CORRECTION), AS_IT_CAME] = dataclass_field(repr=False)


@dataclass(frozen=True)
class PhotoReport:
    """One photograph: `reason` goes with REFUSED, `warnings` with the others."""

    name: Annotated[str, MaxLen(MAX_PHOTO_NAME), AS_IT_CAME]
    outcome: PhotoOutcome | None
    """None: one that only a newer server knows."""
    reason: str | None = None
    """A code of the error catalogue."""
    warnings: tuple[str, ...] = ()
    figures: FaceFigures | None = None
    """None when no face was found."""
    also_under: tuple[Key, ...] = ()
    """Other subjects with such a face, most similar first."""


@dataclass(frozen=True)
class RecordReport:
    """One order: `reason` and `field` go with REFUSED, `status` with the others, `broken_rules` with INVALID."""

    order_id: Key
    subject_id: Key
    outcome: ImportOutcome | None
    """None: one that only a newer server knows."""
    reason: str | None = None
    """A code of the error catalogue."""
    field: str = ""
    status: OrderStatus | None = None
    broken_rules: tuple[str, ...] = ()
    """Members of OrderRule."""
    flags: tuple[str, ...] = ()
    """Members of OrderFlag."""
    photos: tuple[PhotoReport, ...] = ()
    article: str = ""
    """The law that makes it void or has ended it, with its article."""
    revocation_ground: RevocationGround | None = None
    """By what it was revoked, with REVOKED; None: not stated."""
    revocation_reference: Annotated[str, MaxLen(MAX_REVOCATION_REFERENCE)] = ""
    """Number of the letter or the judgment that revoked it, with REVOKED."""
    doubts: tuple[DateDoubt, ...] = ()
    """Its dates that cannot be true."""
    place: str = ""
    """The place of a refused record in its source; empty when unknown."""
    faults: tuple[FieldFault, ...] = ()
    """All fields of a refused record that are missing or wrong; empty when only `field` is known."""
    added: bool = False
    """In a preview: whether the order is new."""
    ends: bool = False
    """In a preview: whether the import would end an order that is or will be in force."""
    silences: tuple[Key, ...] = ()
    """In a preview: the orders in force that would no longer alert, or not for as long."""
    unrecognisable: bool = False
    """In a preview: whether its person, who has an order that is or will be in force, could not be recognised."""

    @classmethod
    def refused(cls, order_id: str, subject_id: str, error: FieldError, place: str = "") -> Self:
        """Return the report on a record that cannot be read."""
        return cls(
            order_id, subject_id, ImportOutcome.REFUSED, error.code, error.field, place=place, faults=error.faults
        )

    @property
    def has_problem(self) -> bool:
        """Whether it needs attention: refused, flagged with a broken rule, or with a refused photograph."""
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
class FileBegun:
    """A list file can be read."""

    rows: int


@dataclass(frozen=True)
class FileEnded:
    """A list file is previewed, or imported."""

    preview_digest: str
    """Digest of the preview, with which the file is imported exactly as previewed."""
    without_use: tuple[str, ...]
    """The first files of an archive that no row names."""
    without_use_count: int


FileAnswer = FileBegun | RecordReport | FileEnded
"""The answers about a list file, in this order."""


MAX_DETAIL = 300
"""Most characters of a source's reason why it cannot be read."""


@dataclass(frozen=True)
class SyncCounts:
    """Results of the records of a run."""

    read: int = 0
    """Orders, tombstones and rows that the source gave."""
    added: int = 0
    changed: int = 0
    """In their facts or photographs, or offered again after they had been ended."""
    unchanged: int = 0
    ended: int = 0
    """Orders that left the source."""
    refused: int = 0
    kept: int = 0
    """Orders that may have left the source; a row with an unreadable key could be any of them."""
    photographs_refused: int = 0
    """Of orders that were not refused."""
    flagged: int = 0
    """New and changed orders that break a rule, judged by all data at the end of the run."""
    doubtful: int = 0
    """Orders with a photograph whose face also belongs to another subject."""
    renewed: int = 0
    """New and changed orders that follow one another for too long, judged by all data at the end of the run."""


@dataclass(frozen=True)
class SyncRefusal:
    """A record that was refused, or a photograph of one that was not."""

    order_id: Key
    """Empty if it might be something else."""
    reason: str
    """A code of the error catalogue."""
    field: str = ""


@dataclass(frozen=True)
class SyncRemark:
    """An accepted order that needs attention."""

    order_id: Key
    broken_rules: tuple[str, ...] = ()
    """Members of OrderRule. With any, it is INVALID and never alerts."""
    also_under: tuple[Key, ...] = ()
    """Keys of other subjects with a face like that of a photograph: look-alikes, or one person under two names."""
    flags: tuple[str, ...] = ()
    """Members of OrderFlag. Why a person must look at it though it breaks no rule."""


@dataclass(frozen=True)
class SyncRun:
    """One run, in its present state."""

    run_id: int
    source: str
    started_at: datetime
    ended_at: datetime | None = None
    whole: bool = True
    """Whether it read the whole list; otherwise the changes."""
    resumed: bool = False
    """Whether it continued an interrupted run."""
    counts: SyncCounts = SyncCounts()
    outcome: SyncOutcome | None = SyncOutcome.RUNNING
    """None: one that only a newer server knows."""
    reason: str | None = None
    """Why it failed: a code of the error catalogue."""
    detail: Annotated[str, MaxLen(MAX_DETAIL)] = ""
    """The source's message about it, without personal data."""
    refusals: tuple[SyncRefusal, ...] = ()
    remarks: tuple[SyncRemark, ...] = ()
    missing: int = 0
    """With SHRUNK: orders that left the source."""
    held: int = 0
    """With SHRUNK: orders that were stored from it."""


@dataclass(frozen=True)
class SyncStatus:
    """The state of the synchronisation."""

    source: str
    """Empty when the server's settings name none."""
    running: SyncRun | None = None
    last: SyncRun | None = None
    """The last one that has ended."""
    next_run_at: datetime | None = None
    waiting: SyncRun | None = None
    """That whose shrunken list waits to be accepted."""
    freshness: Freshness = NEVER_FRESH
    """The age of the list, which its reader adds."""

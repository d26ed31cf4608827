"""What became of the orders and photographs of an import, or would become in its preview. No personal data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol, Self

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import AS_IT_CAME, Key
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.subjects import FaceFigures
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome

MAX_PHOTO_NAME = 200


class FieldError(Protocol):
    """Why a record cannot be read."""

    @property
    def code(self) -> str:
        """A code of the error catalogue."""
        ...

    @property
    def field(self) -> str:
        """The field that is missing or wrong."""
        ...


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
    """None where no face was found."""
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
    place: str = ""
    """Where a refused record stands in its source; empty where that is not known."""
    added: bool = False
    """In a preview: whether the order is not held yet."""
    ends: bool = False
    """In a preview: whether it is in force, or will be, and would not be any more."""

    @classmethod
    def refused(cls, order_id: str, subject_id: str, error: FieldError, place: str = "") -> Self:
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
class FileBegun:
    """A list file can be read."""

    rows: int


@dataclass(frozen=True)
class FileEnded:
    """A list file is previewed, or imported."""

    preview_digest: str
    """With which the file is imported as it was previewed."""
    without_use: tuple[str, ...]
    """The first files of an archive that no row names."""
    without_use_count: int


FileAnswer = FileBegun | RecordReport | FileEnded
"""What is told of a list file, in this order."""

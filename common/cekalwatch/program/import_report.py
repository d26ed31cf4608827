"""The report of an import as CSV for a spreadsheet: the same from the server's command and from the web console.

It holds keys, codes and names of files; nothing of a person but the key.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from cekalwatch.program.csv_cells import BYTE_ORDER_MARK, SafeCsvWriter

CSV_COLUMNS: Final = (
    *("order_id", "subject_id", "outcome", "reason", "field", "status", "broken_rules", "flags"),
    *("photo", "photo_outcome", "photo_reason", "photo_warnings", "also_under"),
    *("eye_distance_px", "yaw_degrees", "pitch_degrees", "sharpness", "brightness", "detector_score", "faces"),
)
_PHOTO_COLUMNS: Final = len(CSV_COLUMNS) - CSV_COLUMNS.index("photo")


class ReportedFace(Protocol):
    """What was measured of a face; see `FaceFigures` of the contract."""

    @property
    def eye_distance_px(self) -> float: ...  # noqa: D102  # see the class
    @property
    def yaw_degrees(self) -> float: ...  # noqa: D102
    @property
    def pitch_degrees(self) -> float: ...  # noqa: D102
    @property
    def sharpness(self) -> float: ...  # noqa: D102
    @property
    def brightness(self) -> float: ...  # noqa: D102
    @property
    def detector_score(self) -> float: ...  # noqa: D102
    @property
    def faces(self) -> int: ...  # noqa: D102


class ReportedPhoto(Protocol):
    """One photograph; see `PhotoReport` of the contract."""

    @property
    def name(self) -> str: ...  # noqa: D102  # see the class
    @property
    def outcome(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str | None: ...  # noqa: D102
    @property
    def warnings(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def also_under(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def figures(self) -> ReportedFace | None: ...  # noqa: D102


class ReportedOrder(Protocol):
    """One order; see `ImportReport` of the contract."""

    @property
    def order_id(self) -> str: ...  # noqa: D102  # see the class
    @property
    def subject_id(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str | None: ...  # noqa: D102
    @property
    def field(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str | None: ...  # noqa: D102
    @property
    def broken_rules(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def flags(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def photos(self) -> Sequence[ReportedPhoto]: ...  # noqa: D102


def report_csv(reports: Iterable[ReportedOrder]) -> str:
    """Return a row for each photograph, with its order's columns repeated, and one for an order without."""
    stream = io.StringIO()
    stream.write(BYTE_ORDER_MARK)
    writer = SafeCsvWriter(stream)
    writer.row(CSV_COLUMNS)
    for report in reports:
        record = [
            *(report.order_id, report.subject_id, report.outcome, report.reason or "", report.field),
            *(report.status or "", " ".join(report.broken_rules), " ".join(report.flags)),
        ]
        for photo in report.photos or (None,):
            writer.row([*record, *_photo_cells(photo)])
    return stream.getvalue()


def _photo_cells(photo: ReportedPhoto | None) -> list[str | float]:
    if photo is None:
        return [""] * _PHOTO_COLUMNS
    found = [photo.name, photo.outcome, photo.reason or "", " ".join(photo.warnings), " | ".join(photo.also_under)]
    if (one := photo.figures) is None:
        return [*found, *[""] * (_PHOTO_COLUMNS - len(found))]
    whole = (round(one.eye_distance_px), round(one.yaw_degrees), round(one.pitch_degrees))
    parts = (round(one.sharpness, 2), round(one.brightness, 2), round(one.detector_score, 2))
    return [*found, *whole, *parts, one.faces]

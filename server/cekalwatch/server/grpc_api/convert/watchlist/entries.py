"""Messages of imports."""

from __future__ import annotations

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.watchlist import FIGURES, ORDER_STATUSES
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.watchlist.imports.messages import read_order, read_subject
from cekalwatch.server.watchlist.imports.records import RecordError, check_keys, photo_names
from cekalwatch.server.watchlist.imports.reports import RecordReport
from cekalwatch.server.watchlist.imports.upload import RecordAssembly
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2
from cekalwatch.wire.bounds import MAX_WORD

IMPORT_OUTCOMES = ProtoEnum(watchlist_pb2.ImportOutcome, "IMPORT_OUTCOME", ImportOutcome)
PHOTO_OUTCOMES = ProtoEnum(watchlist_pb2.PhotoOutcome, "PHOTO_OUTCOME", PhotoOutcome)


def record_begun(message: watchlist_service_pb2.ImportRecord) -> RecordAssembly | RecordReport:
    """Read the facts of a record: return the assembly that takes its photographs, or the report that refuses it."""
    person, ban = message.subject, message.order
    try:
        subject, order = read_subject(person), read_order(ban)
        check_keys(subject, order)
        return RecordAssembly(subject, order, photo_names(message.photo_names))
    except RecordError as error:
        return RecordReport.refused(ban.order_id[:MAX_WORD], person.subject_id[:MAX_WORD], error)


def import_report(report: RecordReport) -> watchlist_service_pb2.ImportWatchlistResponse:
    """Write the report on a record."""
    return watchlist_service_pb2.ImportWatchlistResponse(
        report=watchlist_pb2.ImportReport(
            order_id=report.order_id,
            subject_id=report.subject_id,
            outcome=IMPORT_OUTCOMES.number(report.outcome),
            reason=report.reason or "",
            field=report.field,
            status=ORDER_STATUSES.number(report.status) if report.status else watchlist_pb2.ORDER_STATUS_UNSPECIFIED,
            broken_rules=report.broken_rules,
            flags=report.flags,
            photos=[
                watchlist_pb2.PhotoReport(
                    name=photo.name,
                    outcome=PHOTO_OUTCOMES.number(photo.outcome),
                    reason=photo.reason or "",
                    warnings=photo.warnings,
                    eye_distance_px=photo.figures.eye_distance_px if photo.figures else 0,
                    figures=FIGURES.write(photo.figures) if photo.figures else None,
                    also_under=photo.also_under,
                )
                for photo in report.photos
            ],
        )
    )

"""Messages of imports, and of orders and reference faces, which alerts have too."""

from __future__ import annotations

from collections.abc import Sequence

from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.server.domain.orders.ban_order import JudgedOrder
from cekalwatch.server.domain.subjects import ReferenceFace
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.server.grpc_api.convert.watchlist.records import (
    IMPORT_OUTCOMES,
    ORDER_STATUSES,
    PHOTO_OUTCOMES,
    face_figures_message,
    order_facts_message,
)
from cekalwatch.server.watchlist.freshness import Freshness
from cekalwatch.server.watchlist.imports.messages import read_order, read_subject
from cekalwatch.server.watchlist.imports.records import RecordError, check_keys, photo_names
from cekalwatch.server.watchlist.imports.reports import RecordReport
from cekalwatch.server.watchlist.imports.upload import RecordAssembly
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2
from cekalwatch.wire.bounds import MAX_WORD


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
                    figures=face_figures_message(photo.figures) if photo.figures else None,
                    also_under=photo.also_under,
                )
                for photo in report.photos
            ],
        )
    )


def order_message(judged: JudgedOrder) -> watchlist_pb2.BanOrder:
    """Write an order with its status."""
    message = order_facts_message(judged.order)
    message.status = ORDER_STATUSES.number(judged.judgement.status)
    message.broken_rules.extend(judged.judgement.broken_rules)
    message.flags.extend(judged.judgement.flags)
    message.last_day = judged.last_day.isoformat()
    return message


def reference_message(
    reference: ReferenceFace, jpeg: bytes = b"", also_under: Sequence[str] = ()
) -> watchlist_pb2.ReferenceFace:
    """Write a reference face; `also_under` are the keys of other subjects with such a face."""
    return watchlist_pb2.ReferenceFace(
        reference_id=reference.reference_id,
        photo_sha256=reference.photo_sha256,
        eye_distance_px=reference.figures.eye_distance_px,
        figures=face_figures_message(reference.figures),
        warnings=[*reference.warnings, *([EnrolmentWarning.ALSO_UNDER] if also_under else [])],
        jpeg=jpeg,
        also_under=also_under,
    )


def freshness_message(freshness: Freshness) -> watchlist_pb2.WatchlistFreshness:
    """Write the age of the watchlist."""
    last = freshness.last_success_at
    return watchlist_pb2.WatchlistFreshness(
        last_success_time=timestamp(last) if last else None,
        stale=freshness.stale,
        active_subjects=freshness.active_subjects,
        sources=[
            watchlist_pb2.SourceFreshness(
                source=one.source,
                last_success_time=timestamp(one.last_success_at) if one.last_success_at else None,
                stale=one.stale,
            )
            for one in freshness.sources
        ],
    )

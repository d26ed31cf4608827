"""Reads and writes the reports of imports, and synchronisations of the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from cekalwatch.contract.codec.watchlist import (
    FIGURES,
    FRESHNESS,
    ORDER_GROUNDS,
    ORDER_KINDS,
    PERSON_STATUSES,
    REVOCATION_GROUNDS,
    MeasuredCodec,
)
from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import ProtoEnum
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.engine.scalars import Reading, moment
from cekalwatch.contract.values.imports import (
    CellCorrection,
    FieldFault,
    FileAnswer,
    FileBegun,
    FileEnded,
    PhotoReport,
    RecordReport,
    SyncRun,
    SyncStatus,
)
from cekalwatch.contract.values.orders import DateDoubt, ShownOrder
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.v1 import sync_pb2, watchlist_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb

ENCODINGS = {"utf-8": pb.LIST_ENCODING_UTF_8, "windows-1252": pb.LIST_ENCODING_WINDOWS_1252}
_PHOTO_REPORT = MeasuredCodec(PhotoReport, watchlist_pb2.PhotoReport, parts=(FIGURES,), unread=("eye_distance_px",))
RECORD_REPORT = Codec(
    RecordReport,
    watchlist_pb2.ImportReport,
    parts=(_PHOTO_REPORT, Codec(DateDoubt, watchlist_pb2.DateDoubt)),
    local=("place", "added", "ends", "faults", "silences", "unrecognisable"),
)
_FAULT = Codec(FieldFault, pb.FieldFault)
CORRECTION = Codec(CellCorrection, pb.CellCorrection)


class _RowCodec(Codec[RecordReport, pb.ListFileReport]):
    """The report of a row of a list file, the row's place in the file, and its part in the preview."""

    def read(self, message: pb.ListFileReport, reading: Reading = Reading.LENIENT) -> RecordReport:
        report = RECORD_REPORT.read(message.report, reading)
        return replace(
            report,
            place=safe_text(message.place),
            added=message.added,
            ends=message.ends,
            faults=_FAULT.read_all(message.faults),
            unrecognisable=message.unrecognisable,
            silences=tuple(map(safe_text, message.silences)),
        )

    def write(self, value: RecordReport) -> pb.ListFileReport:
        return pb.ListFileReport(
            report=RECORD_REPORT.write(value),
            place=value.place,
            added=value.added,
            ends=value.ends,
            faults=map(_FAULT.write, value.faults),
            unrecognisable=value.unrecognisable,
            silences=value.silences,
        )


FILE_ANSWER = OneOf[FileAnswer, pb.ImportListFileResponse](
    pb.ImportListFileResponse,
    {
        "begun": Codec(FileBegun, pb.ListFileBegun),
        "report": _RowCodec(RecordReport, pb.ListFileReport),
        "ended": Codec(FileEnded, pb.ListFileEnded),
    },
)

_SUBJECT_FACTS = tuple(field.name for field in fields(Subject) if field.name != "travel_documents")
_CHOICES: Mapping[str, ProtoEnum[Any, Any]] = {
    "ground": ORDER_GROUNDS,
    "person_status": PERSON_STATUSES,
    "revocation_ground": REVOCATION_GROUNDS,
}
"""Facts with a choice of values, of which a newer peer may know more; these are read as their numbers."""
_TOLD = {
    *_CHOICES,
    "kind",
    "revoked_at",
    "withdrawn_at",
    "status",
    "broken_rules",
    "flags",
    "last_day",
    "ended_by",
    "article",
}
_ORDER_FACTS = tuple(field.name for field in fields(ShownOrder) if field.name not in _TOLD)
_NEVER = datetime.min.replace(tzinfo=UTC)


def stated_subject(message: watchlist_pb2.Subject) -> dict[str, Any]:
    """Return the facts that a source states of a subject, by name, unchecked."""
    documents = [(paper.type, paper.number, paper.issuing_country) for paper in message.travel_documents]
    return {name: getattr(message, name) for name in _SUBJECT_FACTS} | {"travel_documents": documents}


def stated_order(message: watchlist_pb2.BanOrder) -> dict[str, Any]:
    """Return the facts that a source states of an order, by name, unchecked; days are texts.

    An invalid moment becomes one of the year 1, in which no order can be revoked.
    """
    try:
        revoked_at = moment(message.revoked_time) if message.HasField("revoked_time") else None
    except (ValueError, OverflowError):
        revoked_at = _NEVER
    facts = {name: getattr(message, name) for name in _ORDER_FACTS}
    for name, known in _CHOICES.items():
        number = getattr(message, name)
        facts[name] = known.member(number) or str(number or "")
    return facts | {"kind": ORDER_KINDS.member(message.kind) or "", "revoked_at": revoked_at}


SYNC_RUN = Codec(SyncRun, sync_pb2.SyncRun, names={"started_at": "start_time", "ended_at": "end_time"})
SYNC_STATUS = Codec(
    SyncStatus, pb.GetSyncStatusResponse, names={"next_run_at": "next_run_time"}, parts=(SYNC_RUN, FRESHNESS)
)

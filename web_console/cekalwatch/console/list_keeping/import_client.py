"""Sends a list file to the server, and reads what comes back as plain values. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.office.client.token import Token
from cekalwatch.v1 import watchlist_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from cekalwatch.wire.bounds import PHOTO_CHUNK_BYTES
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer

DEADLINE_S: Final = 3600.0
ENCODINGS: Final = {"utf-8": pb.LIST_ENCODING_UTF_8, "windows-1252": pb.LIST_ENCODING_WINDOWS_1252}
_STATUSES = ProtoEnum(watchlist_pb2.OrderStatus, "ORDER_STATUS", OrderStatus)
_OUTCOMES = ProtoEnum(watchlist_pb2.ImportOutcome, "IMPORT_OUTCOME", ImportOutcome)
_PHOTO_OUTCOMES = ProtoEnum(watchlist_pb2.PhotoOutcome, "PHOTO_OUTCOME", PhotoOutcome)


@dataclass(frozen=True)
class Figures:
    """What was measured of a face; see `FaceFigures` of the contract."""

    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    sharpness: float
    brightness: float
    detector_score: float
    faces: int


@dataclass(frozen=True)
class PhotoLine:
    """What became of a photograph."""

    name: str
    outcome: str
    reason: str
    warnings: tuple[str, ...]
    also_under: tuple[str, ...]
    figures: Figures | None


@dataclass(frozen=True)
class OrderLine:
    """What would become, or became, of one row."""

    order_id: str
    subject_id: str
    outcome: str
    """An ImportOutcome; empty: one that only a newer server knows."""
    added: bool
    """In a preview: whether the order is new."""
    ends: bool
    """In a preview: whether it stands, and would not any more."""
    reason: str
    field: str
    place: str
    status: OrderStatus | None
    broken_rules: tuple[str, ...]
    flags: tuple[str, ...]
    photos: tuple[PhotoLine, ...]


@dataclass(frozen=True)
class Begun:
    """The file can be read."""

    rows: int


@dataclass(frozen=True)
class Ended:
    """All is done."""

    preview_digest: str
    """What to import the file with, as it was previewed."""
    without_use: tuple[str, ...]
    """The first files of an archive that no row names."""
    without_use_count: int


@dataclass(frozen=True)
class SentFile:
    """A file to send."""

    name: str
    size: int
    encoding: str
    """One of ENCODINGS."""
    stream: BinaryIO


class ImportClient:
    """A list manager's calls. Each has a connection of its own: it must not go on at another server by itself."""

    def __init__(self, dialer: Dialer, session: Token) -> None:
        self._dialer = dialer
        self._session = session

    def send(self, file: SentFile, preview_digest: str = "") -> Iterator[Begun | OrderLine | Ended]:
        """Yield what the server tells: of a preview, or with its digest of the import."""
        with self._dialer.another().channel() as channel:
            for answer in WatchlistServiceStub(channel).ImportListFile(
                _requests(file, preview_digest), timeout=DEADLINE_S, metadata=bearer(self._session.token())
            ):
                match answer.WhichOneof("message"):
                    case "begun":
                        yield Begun(answer.begun.rows)
                    case "report":
                        yield _line(answer.report)
                    case "ended":
                        end = answer.ended
                        yield Ended(
                            str(end.preview_digest), tuple(map(safe_text, end.without_use)), end.without_use_count
                        )


def _requests(file: SentFile, preview_digest: str) -> Iterator[pb.ImportListFileRequest]:
    encoding = ENCODINGS[file.encoding]
    begin = pb.ListFileBegin(name=file.name, size=file.size, encoding=encoding, preview_digest=preview_digest)
    yield pb.ImportListFileRequest(begin=begin)
    file.stream.seek(0)
    while chunk := file.stream.read(PHOTO_CHUNK_BYTES):
        yield pb.ImportListFileRequest(chunk=chunk)
    yield pb.ImportListFileRequest(end=pb.ListFileEnd())


def _line(one: pb.ListFileReport) -> OrderLine:
    report = one.report
    return OrderLine(
        order_id=safe_text(report.order_id),
        subject_id=safe_text(report.subject_id),
        outcome=_OUTCOMES.member(report.outcome) or "",
        added=one.added,
        ends=one.ends,
        reason=safe_text(report.reason),
        field=safe_text(report.field),
        place=safe_text(one.place),
        status=_STATUSES.member(report.status),
        broken_rules=tuple(map(safe_text, report.broken_rules)),
        flags=tuple(map(safe_text, report.flags)),
        photos=tuple(map(_photo, report.photos)),
    )


def _photo(one: watchlist_pb2.PhotoReport) -> PhotoLine:
    figures = one.figures
    measured = one.HasField("figures")
    return PhotoLine(
        name=safe_text(one.name),
        outcome=_PHOTO_OUTCOMES.member(one.outcome) or "",
        reason=safe_text(one.reason),
        warnings=tuple(map(safe_text, one.warnings)),
        also_under=tuple(map(safe_text, one.also_under)),
        figures=Figures(
            one.eye_distance_px,
            figures.yaw_degrees,
            figures.pitch_degrees,
            figures.sharpness,
            figures.brightness,
            figures.detector_score,
            figures.faces,
        )
        if measured
        else None,
    )

"""The running server for commands: imports and synchronisations that it carries out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Self, TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.codec.imports import RECORD_REPORT
from cekalwatch.contract.codec.watchlist import ORDER, SUBJECT
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.imports import PhotoReport, RecordReport, SyncRun, SyncStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome, SyncOutcome
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2
from cekalwatch.wire.bounds import PHOTO_CHUNK_BYTES
from cekalwatch.wire.calls import told_by
from cekalwatch.wire.dialer import Dialer


class ServerClient:
    """Calls the watchlist service of the server that `dialer` reaches; use it as a context manager."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._channel = dialer.channel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def _reason(self, error: grpc.RpcError) -> str:
        """Return why a call failed, in words for people."""
        if not isinstance(error, grpc.Call):
            return type(error).__name__
        unreachable = error.code() is grpc.StatusCode.UNAVAILABLE
        details = (self._dialer.why_refused() if unreachable else "") or told_by(error)
        return f"{error.code().name}, {details}".rstrip(", .")


CALL_S = 20.0
"""How long an answer may take."""

Answer = TypeVar("Answer")


class RemoteSyncs(ServerClient):
    """The synchronisation of the running server.

    Methods raise CekalwatchError with the code that the server gives, and ProgramError when it cannot be reached.
    """

    def start(self, *, from_start: bool) -> int:
        """Begin a run, and return its key."""
        return int(self._ask(watchlist.SYNC_NOW(from_start=from_start)).run_id)

    def run(self, run_id: int) -> SyncRun:
        """Return the present state of the run."""
        (run,), _ = self._ask(watchlist.LIST_SYNC_RUNS(page_size=1, page_token=str(run_id + 1)))
        # An outcome that only a newer server knows counts as failed.
        return replace(run, outcome=run.outcome or SyncOutcome.FAILED)

    def status(self) -> tuple[SyncStatus, datetime | None]:
        """Return the status, and when the watchlist was last brought up to date."""
        status = self._ask(watchlist.GET_SYNC_STATUS())
        return status, status.freshness.last_success_at

    def _ask(self, asked: Asked[Answer]) -> Answer:
        try:
            answer: Answer = asked.call.answer.read(asked.on(self._channel, timeout=CALL_S))
        except grpc.RpcError as error:
            if code := _code(error):
                raise CekalwatchError(code) from None
            raise ProgramError(
                f"The server at {self._dialer.address} does not answer: {self._reason(error)}", Exit.UNAVAILABLE
            ) from None
        return answer


def _code(error: grpc.RpcError) -> Code | None:
    """Return the catalogue's code that came with an error."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.reason in set(Code):
            return Code(info.reason)
    return None


class RemoteImport(ServerClient):
    """An import through the running server."""

    def run(self, records: Iterable[ImportRecord]) -> Iterator[RecordReport]:
        """Send the records and give a report on each, in their order.

        Raises ProgramError when the server goes away or stops; records that it has reported are stored.
        """
        address = self._dialer.address
        # The server does not get the photographs that could not be read here.
        sent: deque[tuple[Photograph, ...]] = deque()
        done = 0
        try:
            for response in watchlist.IMPORT_WATCHLIST.on(self._channel)(_requests(records, sent.append)):
                yield _with_local_problems(_report(response.report), sent.popleft())
                done += 1
        except grpc.RpcError as error:
            raise ProgramError(
                f"The server at {address} broke off after {done} records: {self._reason(error)}. Run the import "
                "again when it is back; what is stored already stays as it is.",
                Exit.UNAVAILABLE,
            ) from None
        if sent:
            raise ProgramError(
                f"The server at {address} ended the import without reporting on {len(sent)} records. Run the "
                "import again; what is stored already stays as it is.",
                Exit.UNAVAILABLE,
            )


def _requests(
    records: Iterable[ImportRecord], sending: Callable[[tuple[Photograph, ...]], None]
) -> Iterator[watchlist_service_pb2.ImportWatchlistRequest]:
    for record in records:
        readable = [photograph for photograph in record.photographs if photograph.problem is None]
        sending(record.photographs)
        yield watchlist_service_pb2.ImportWatchlistRequest(
            record=watchlist_service_pb2.ImportRecord(
                subject=SUBJECT.write(record.subject),
                order=ORDER.write(record.order.shown),
                photo_names=[photograph.name for photograph in readable],
            )
        )
        for photograph in readable:
            yield from _chunks(photograph)
    yield watchlist_service_pb2.ImportWatchlistRequest(finish=watchlist_service_pb2.ImportFinish())


def _chunks(photograph: Photograph) -> Iterator[watchlist_service_pb2.ImportWatchlistRequest]:
    size = len(photograph.data)
    for start in range(0, max(size, 1), PHOTO_CHUNK_BYTES):
        end = start + PHOTO_CHUNK_BYTES
        yield watchlist_service_pb2.ImportWatchlistRequest(
            photo_chunk=watchlist_service_pb2.PhotoChunk(
                name=photograph.name, data=photograph.data[start:end], last=end >= size
            )
        )


def _report(message: watchlist_pb2.ImportReport) -> RecordReport:
    """Read a report; an outcome that only a newer server knows counts as refused."""
    found = RECORD_REPORT.read(message)
    photos = tuple(replace(one, outcome=one.outcome or PhotoOutcome.REFUSED) for one in found.photos)
    return replace(found, outcome=found.outcome or ImportOutcome.REFUSED, photos=photos)


def _with_local_problems(report: RecordReport, photographs: tuple[Photograph, ...]) -> RecordReport:
    """Add the photographs that were not sent, in the record's order; a refused record covers all of them."""
    if report.outcome is ImportOutcome.REFUSED:
        return report
    by_name = {photo.name: photo for photo in report.photos}
    local = {
        photograph.name: PhotoReport(photograph.name, PhotoOutcome.REFUSED, photograph.problem)
        for photograph in photographs
        if photograph.problem
    }
    found = by_name | local
    return replace(report, photos=tuple(found[item.name] for item in photographs if item.name in found))

"""Imports records through a running server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import grpc

from cekalwatch.contract.codec.imports import RECORD_REPORT
from cekalwatch.contract.codec.watchlist import ORDER, SUBJECT
from cekalwatch.contract.values.imports import PhotoReport, RecordReport
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.grpc_api.clients.server_client import ServerClient
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2
from cekalwatch.wire.bounds import PHOTO_CHUNK_BYTES


class RemoteImport(ServerClient):
    """An import through the running server."""

    def run(self, records: Iterable[ImportRecord]) -> Iterator[RecordReport]:
        """Send the records and give a report on each, in their order.

        Raises ProgramError when the server goes away or breaks off; what it has reported on is stored.
        """
        address = self._dialer.address
        # The server does not get the photographs that could not be read here.
        sent: deque[tuple[Photograph, ...]] = deque()
        done = 0
        try:
            for response in self._stub.ImportWatchlist(_requests(records, sent.append)):
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
    """Read a report; what only a newer server knows that it did with something counts as refused."""
    found = RECORD_REPORT.read(message)
    photos = tuple(replace(one, outcome=one.outcome or PhotoOutcome.REFUSED) for one in found.photos)
    return replace(found, outcome=found.outcome or ImportOutcome.REFUSED, photos=photos)


def _with_local_problems(report: RecordReport, photographs: tuple[Photograph, ...]) -> RecordReport:
    """Add the photographs that were not sent, in the record's order; a refused record speaks for all of them."""
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

"""One call of ImportWatchlist: reads records ahead, has them prepared in parallel, and reports in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from cekalwatch.contract.calls import watchlist as calls
from cekalwatch.contract.codec.imports import stated_order, stated_subject
from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_admission, current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.records import (
    ImportRecord,
    RecordError,
    build_order,
    build_subject,
    check_keys,
    photo_names,
)
from cekalwatch.server.watchlist.imports.upload import RecordAssembly, Uploads, UploadTimeouts
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_CHUNKS, MAX_WORD

READ_AHEAD = 16
"""Records that are read from the network while those before them are stored."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class ImportWorkers:
    """What all imports share: threads, memory, and time limits for clients."""

    importing: Executor
    endings: Executor
    """Records the end of broken-off imports; it must not wait behind running ones."""
    uploads: Uploads
    timeouts: UploadTimeouts


@dataclass(frozen=True)
class _Arrived:
    """A record with all its photographs, and the bytes that it takes of the upload's memory."""

    record: ImportRecord
    size: int


_Arrival = _Arrived | RecordReport | pb.ImportFinish | Exception | None
"""A record, the report on one that cannot be read, the finish message, or how the stream ended."""


class ImportCall:
    """A running import. `close` must be called when the call has ended."""

    def __init__(self, begin: Callable[[], ImportRun], workers: ImportWorkers) -> None:
        """Raises SERVER_BUSY when too many imports are under way."""
        self._workers = workers
        self._upload = workers.uploads.open()
        self._run = begin()
        self._sizes: deque[int] = deque()
        """Bytes of the records that wait to be stored."""
        self._arrivals: asyncio.Queue[_Arrival] = asyncio.Queue(READ_AHEAD)
        self._reading: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Stop reading, and record the import's end if it was broken off."""
        if self._reading:
            self._reading.cancel()
        self._upload.close()
        self._workers.endings.submit(self._run.close)

    async def reports(self, requests: AsyncIterator[pb.ImportWatchlistRequest]) -> AsyncIterator[RecordReport]:
        """Yield the report on each record as soon as it and those before it are done."""
        self._reading = asyncio.create_task(self._read(requests))
        while True:
            if self._arrivals.empty() and self._run.waiting:
                for report in await self._store():
                    yield report
                continue
            arrived = await self._arrivals.get()
            while self._run.waiting and not (isinstance(arrived, _Arrived) and self._run.has_room):
                for report in await self._store():
                    yield report
            match arrived:
                case _Arrived(record, size):
                    self._run.add(record)
                    self._sizes.append(size)
                case RecordReport():
                    yield await self._do(self._run.refused, arrived)
                case pb.ImportFinish():
                    await self._do(self._run.finish)
                    return
                case Exception():
                    raise arrived
                case _:
                    return

    async def _store(self) -> list[RecordReport]:
        reports = await self._do(self._run.store)
        for _ in reports:
            self._upload.give_back(self._sizes.popleft())
        return reports

    async def _do(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Run blocking work on the threads of imports, so that those of other calls stay free."""
        return await asyncio.get_running_loop().run_in_executor(self._workers.importing, work, *arguments)

    async def _read(self, requests: AsyncIterator[pb.ImportWatchlistRequest]) -> None:
        try:
            async for arrived in self._arriving(requests):
                await self._arrivals.put(arrived)
        except Exception as error:  # noqa: BLE001  # raised when all that came before is reported on
            await self._arrivals.put(error)
        else:
            await self._arrivals.put(None)

    async def _arriving(
        self, requests: AsyncIterator[pb.ImportWatchlistRequest]
    ) -> AsyncIterator[_Arrived | RecordReport | pb.ImportFinish]:
        begun: RecordAssembly | RecordReport | None = None
        chunks = 0
        async for request in self._workers.timeouts.bounded(requests, _begins_record):
            kind = request.WhichOneof("message")
            chunks = chunks + 1 if kind == "photo_chunk" else 0
            if chunks > MAX_CHUNKS:
                raise CekalwatchError(Code.ARGUMENT_INVALID, "photo_chunk")
            if kind != "photo_chunk" and isinstance(begun, RecordAssembly):
                yield self._arrived(begun)  # without the photographs that did not come
                begun = None
            match kind:
                case "record":
                    begun = record_begun(request.record)
                    if isinstance(begun, RecordReport):
                        yield begun
                    else:
                        await self._upload.take(begun.most_bytes)
                case "photo_chunk" if isinstance(begun, RecordAssembly):
                    begun.add(request.photo_chunk.name, request.photo_chunk.data, last=request.photo_chunk.last)
                case "photo_chunk" if begun is not None:
                    pass  # of a record that was refused
                case "finish":
                    yield request.finish
                    return
                case _:
                    raise CekalwatchError(Code.RECORD_EXPECTED)
            if isinstance(begun, RecordAssembly) and begun.complete:
                yield self._arrived(begun)
                begun = None

    def _arrived(self, begun: RecordAssembly) -> _Arrived:
        record = begun.record()
        size = sum(len(photograph.data) for photograph in record.photographs)
        self._upload.give_back(begun.most_bytes - size)
        return _Arrived(record, size)


@dataclass(frozen=True)
class ImportCalls:
    """Imports of records, which report on each in their order."""

    begin: Callable[[Actor, Callable[[], None]], ImportRun]
    workers: ImportWorkers
    running: set[ImportCall] = field(default_factory=set, init=False)

    def served(self) -> Served:
        """Return the call."""
        return Served(calls.IMPORT_WATCHLIST, self._import)

    def end(self) -> None:
        """Record the end of the imports that were broken off."""
        for call in tuple(self.running):
            self._end(call)

    async def _import(
        self, requests: AsyncIterator[pb.ImportWatchlistRequest], context: Context
    ) -> AsyncIterator[Message]:
        actor, permitted = current_caller().actor, current_admission().check
        call = ImportCall(lambda: self.begin(actor, permitted), self.workers)
        self.running.add(call)

        # When a client vanishes, gRPC does not resume this generator; only the call's done callback is sure to run.
        def ended(ctx: Context) -> None:  # noqa: ARG001  # gRPC's signature
            self._end(call)

        context.add_done_callback(ended)  # type: ignore[arg-type]  # the stub's protocol fits no function
        async for report in call.reports(requests):
            yield calls.IMPORT_WATCHLIST.answer.write(report)

    def _end(self, call: ImportCall) -> None:
        if call in self.running:
            self.running.remove(call)
            call.close()


def _begins_record(request: pb.ImportWatchlistRequest) -> bool:
    return request.WhichOneof("message") == "record"


def record_begun(message: pb.ImportRecord) -> RecordAssembly | RecordReport:
    """Read the facts of a record: return the assembly that takes its photographs, or the report that refuses it."""
    person, ban = message.subject, message.order
    try:
        subject, order = build_subject(**stated_subject(person)), build_order(**stated_order(ban))
        check_keys(subject, order)
        return RecordAssembly(subject, order, photo_names(message.photo_names))
    except RecordError as error:
        return RecordReport.refused(ban.order_id[:MAX_WORD], person.subject_id[:MAX_WORD], error)

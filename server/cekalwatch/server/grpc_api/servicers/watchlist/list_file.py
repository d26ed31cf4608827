"""The part of WatchlistService that takes a list as one file, previews it, and imports it as it was previewed."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import tzinfo
from types import MappingProxyType
from typing import Final

from cekalwatch.contract.calls import watchlist as calls
from cekalwatch.contract.codec.imports import CORRECTION, FILE_ANSWER
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.imports import MAX_CORRECTIONS, CellCorrection, DayOrder, FileBegun, FileEnded
from cekalwatch.contract.values.silencing import Silencing
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import admit_second_person, current_admission, current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import ImportWorkers
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.sources.files.upload import UploadedSource
from cekalwatch.server.watchlist.sources.list_process import Content
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS
from cekalwatch.server.watchlist.sources.settings import Encoding
from cekalwatch.server.watchlist.sources.source import (
    ColumnsWrong,
    OfferedOrder,
    RefusedRow,
    SourceSealed,
    SourceTooCostly,
    SourceUnavailable,
)
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_CHUNKS, MAX_LIST_FILE_BYTES, MAX_LIST_FILE_NAME, MAX_WORD, PHOTO_CHUNK_BYTES

MAX_FILES: Final = 2
"""List files that are in memory at once."""
MAX_ROWS: Final = 20_000
"""Orders of a list file; a longer list is imported at the server, from a folder."""

MAX_WITHOUT_USE: Final = 200
"""Most names in an answer of files that no row names; all are counted."""

MAX_SIGNED: Final = 1000
"""Orders in force that one import silences."""

MAX_TOLD: Final = 500
"""Characters of what a reader says."""
_DIGEST: Final = 64
_ENCODINGS: Final[MappingProxyType[int, Encoding]] = MappingProxyType(
    {
        pb.LIST_ENCODING_UNSPECIFIED: "utf-8",
        pb.LIST_ENCODING_UTF_8: "utf-8",
        pb.LIST_ENCODING_WINDOWS_1252: "windows-1252",
    }
)
_CODES: Final[tuple[tuple[type[SourceUnavailable], Code], ...]] = (
    (SourceSealed, Code.LIST_FILE_SEALED),
    (ColumnsWrong, Code.LIST_COLUMNS_WRONG),
    (SourceTooCostly, Code.SOURCE_TOO_COSTLY),
)


@dataclass(frozen=True)
class ListFiles:
    """What list files are read and imported with."""

    store: WatchlistStore
    begin_import: Callable[[Actor, Callable[[], None], Collection[str]], ImportRun]
    """The last is for which orders in force two people have signed."""
    begin_preview: Callable[[Actor, Callable[[], None]], ImportRun]
    zone: tzinfo
    """Of times without an offset."""
    workers: ImportWorkers
    silencing: Callable[[frozenset[str]], Silencing]
    """Says who the people with these orders are, as far as they are in force; it blocks."""
    require_two: Callable[[Silencing, str], None]
    """See `Guard`."""


@dataclass(frozen=True)
class ListFile:
    """A file, and the parameters of its request."""

    begin: pb.ListFileBegin
    encoding: Encoding
    preview_digest: str
    """Empty: a preview is asked for."""
    corrections: tuple[CellCorrection, ...] = ()
    signed: frozenset[str] = frozenset()
    """Keys of the orders in force that it may silence, for which a second person signs."""


class ListFileCalls:
    """Files that are received; each order is reported on: the preview, or the result."""

    def __init__(self, files: ListFiles) -> None:
        self._files = files
        self._reading: set[_FileCall] = set()

    def served(self) -> Served:
        """Return the call."""
        return Served(calls.IMPORT_LIST_FILE, self._import, lambda asked: self._files.silencing(_signed(asked.begin)))

    async def _import(
        self, requests: AsyncIterator[pb.ImportListFileRequest], context: Context
    ) -> AsyncIterator[pb.ImportListFileResponse]:
        if len(self._reading) >= MAX_FILES:
            raise CekalwatchError(Code.SERVER_BUSY, f"{MAX_FILES} list files")
        call = _FileCall(self._files, current_caller().actor, current_admission().check)
        self._reading.add(call)

        # As with ImportWatchlist: only the call's done callback is sure to run.
        def ended(ctx: Context) -> None:  # noqa: ARG001  # gRPC's signature
            self._end(call)

        context.add_done_callback(ended)  # type: ignore[arg-type]  # the stub's protocol fits no function
        paced = self._files.workers.timeouts.bounded(requests, lambda _: True)
        asked, content = await list_file(paced)
        if asked.signed:
            await self._take_second(asked, context)
        answers, loop = call.answers(asked, content), asyncio.get_running_loop()
        while answer := await loop.run_in_executor(self._files.workers.importing, next, answers, None):
            yield answer

    async def _take_second(self, asked: ListFile, context: Context) -> None:
        """Take the second person's word for the orders that an import silences; raises SECOND_PERSON_NEEDED."""
        await admit_second_person(pb.ImportListFileRequest(begin=asked.begin), context)
        require, path = self._files.require_two, calls.IMPORT_LIST_FILE.path
        await asyncio.to_thread(lambda: require(self._files.silencing(asked.signed), path))

    def end(self) -> None:
        """Record the end of imports of files that were broken off."""
        for call in tuple(self._reading):
            self._end(call)

    def _end(self, call: _FileCall) -> None:
        if call in self._reading:
            self._reading.remove(call)
            self._files.workers.endings.submit(call.close)


class _FileCall:
    """A file that is read. `answers` blocks, on one thread at a time; `close` may be called beside it."""

    def __init__(self, files: ListFiles, actor: Actor, permitted: Callable[[], None]) -> None:
        self._files = files
        self._actor = actor
        self._permitted = permitted
        self._run: ImportRun | None = None
        self._source: UploadedSource | None = None
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Stop reading, and record the end of an import that was broken off."""
        with self._lock:
            self._closed, run, source = True, self._run, self._source
        if run:
            run.close()
        if source:
            source.close()

    def answers(self, asked: ListFile, content: Content) -> Iterator[pb.ImportListFileResponse]:
        """Yield the answers; raises CekalwatchError."""
        try:
            with closing(UploadedSource(content, asked.encoding, self._files.zone, asked.corrections)) as source:
                self._hold(source=source)
                yield from self._answers(asked, hashlib.sha256(content.data).hexdigest(), source)
        except SourceUnavailable as error:
            raise unreadable(error) from None

    def _answers(self, asked: ListFile, sha256: str, source: UploadedSource) -> Iterator[pb.ImportListFileResponse]:
        offered, refused = _rows(source)
        held = self._files.store.content_of([one.order_id for one in offered])
        digest = _digest(sha256, asked, held)
        if asked.preview_digest and asked.preview_digest != digest:
            raise CekalwatchError(Code.IMPORT_OUTDATED)
        yield FILE_ANSWER.write(FileBegun(len(offered) + len(refused)))
        files, actor, permitted = self._files, self._actor, self._permitted
        if asked.preview_digest:
            run = files.begin_import(actor, permitted, asked.signed)
        else:
            run = files.begin_preview(actor, permitted)
        run.note_corrections(len(asked.corrections))
        self._hold(run=run)
        for row in refused:
            yield FILE_ANSWER.write(run.refused(row.report))
        for report in run.import_records(_records(offered, held if asked.preview_digest else None)):
            yield FILE_ANSWER.write(report)
        # When not one row can be read, nothing was brought up to date.
        if offered or not refused:
            run.finish()
        names = sorted(source.without_use)
        yield FILE_ANSWER.write(FileEnded(digest, tuple(names[:MAX_WITHOUT_USE]), len(names)))

    def _hold(self, *, run: ImportRun | None = None, source: UploadedSource | None = None) -> None:
        with self._lock:
            self._run, self._source = run or self._run, source or self._source
            closed = self._closed
        if closed:  # the client vanished in the same moment
            self.close()
            raise CekalwatchError(Code.UPLOAD_STALLED)


def _rows(source: UploadedSource) -> tuple[list[OfferedOrder], list[RefusedRow]]:
    offered, refused = list[OfferedOrder](), list[RefusedRow]()
    reading = source.read()
    if (reading.expected or 0) > MAX_ROWS:
        raise CekalwatchError(Code.LIST_FILE_TOO_LARGE, f"{reading.expected} rows")
    for page in reading.pages:
        for item in page.items:
            match item:
                case OfferedOrder():
                    offered.append(item)
                case RefusedRow():
                    refused.append(item)
    return offered, refused


def _records(offered: list[OfferedOrder], held: Mapping[str, str] | None) -> Iterator[ImportRecord]:
    """Yield the records; with `held`, each may replace only the content that the preview saw."""
    for one in offered:
        record = one.load()
        yield record if held is None else replace(record, replaces=held.get(one.order_id, ""))


def _digest(sha256: str, asked: ListFile, held: Mapping[str, str]) -> str:
    """Return the digest of a file with its corrections, and of the stored content of its orders."""
    corrections = sorted((one.place, one.field, one.value) for one in asked.corrections)
    return hashlib.sha256(repr((sha256, asked.encoding, corrections, sorted(held.items()))).encode()).hexdigest()


async def list_file(requests: AsyncIterator[pb.ImportListFileRequest]) -> tuple[ListFile, Content]:
    """Take a file in; raises LIST_FILE_EXPECTED, LIST_FILE_TOO_LARGE and ARGUMENT_INVALID."""
    begin: pb.ListFileBegin | None = None
    data, chunks = bytearray(), 0
    corrections = list[CellCorrection]()
    async for request in requests:
        kind = request.WhichOneof("message")
        if begin is None:
            if kind != "begin":
                raise CekalwatchError(Code.LIST_FILE_EXPECTED)
            begin = request.begin
            asked = _asked(begin)
        elif kind == "correction" and not chunks and len(corrections) < MAX_CORRECTIONS:
            corrections.append(_correction(request.correction))
        elif kind == "chunk" and len(request.chunk) <= PHOTO_CHUNK_BYTES and chunks < MAX_CHUNKS:
            chunks += 1
            data += request.chunk
            if len(data) > begin.size:
                raise CekalwatchError(Code.LIST_FILE_EXPECTED)
        elif kind == "end" and len(data) == begin.size:
            return replace(asked, corrections=tuple(corrections)), Content(begin.name, bytes(data))
        else:
            raise CekalwatchError(Code.LIST_FILE_EXPECTED)
    raise CekalwatchError(Code.LIST_FILE_EXPECTED)


def _asked(begin: pb.ListFileBegin) -> ListFile:
    if begin.size > MAX_LIST_FILE_BYTES:
        raise CekalwatchError(Code.LIST_FILE_TOO_LARGE)
    name, digest = begin.name, begin.preview_digest
    if not (0 < len(name) <= MAX_LIST_FILE_NAME and name.isprintable() and "/" not in name) or name in {".", ".."}:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "name")
    if len(digest) not in {0, _DIGEST} or begin.encoding not in _ENCODINGS:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "begin")
    return ListFile(begin, _ENCODINGS[begin.encoding], digest, signed=_signed(begin))


def _signed(begin: pb.ListFileBegin) -> frozenset[str]:
    if len(begin.signed_orders) > MAX_SIGNED or any(len(one) > MAX_WORD for one in begin.signed_orders):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "signed_orders")
    return frozenset(begin.signed_orders)


def _correction(told: pb.CellCorrection) -> CellCorrection:
    if told.field not in FIELDS or not (told.place or told.value in set(DayOrder)):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "correction")
    return CORRECTION.read(told, Reading.STRICT)


def unreadable(error: SourceUnavailable) -> CekalwatchError:
    """Return the error for a file that is not a list, with its reader's message."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Code.LIST_FILE_UNREADABLE)
    found = CekalwatchError(code)
    found.told = MappingProxyType({"detail": str(error)[:MAX_TOLD]})
    return found

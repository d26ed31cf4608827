"""WatchlistService: converts, calls, converts back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from cekalwatch.server.alerting.watch import Checkpoints, JudgedOrder
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert import watchlist as convert
from cekalwatch.server.grpc_api.convert.common import page_size
from cekalwatch.server.storage.watchlist_reading import SubjectFile
from cekalwatch.server.storage.watchlist_store import WatchlistStore
from cekalwatch.server.watchlist.assembly import RecordAssembly
from cekalwatch.server.watchlist.importer import WatchlistImporter
from cekalwatch.server.watchlist.reports import RecordReport
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class WatchlistServicer(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """The watchlist's keepers."""

    def __init__(
        self, store: WatchlistStore, importer: WatchlistImporter, checkpoints: Checkpoints, site: str, clock: Clock
    ) -> None:
        self._store = store
        self._importer = importer
        self._checkpoints = checkpoints
        self._site = site
        self._clock = clock

    async def ImportWatchlist(
        self, request_iterator: AsyncIterator[pb.ImportWatchlistRequest], context: Context
    ) -> AsyncIterator[pb.ImportWatchlistResponse]:
        """See the contract."""
        begun: RecordAssembly | RecordReport | None = None
        async for request in request_iterator:
            match request.WhichOneof("message"):
                case "record":
                    if isinstance(begun, RecordAssembly):
                        yield await self._import(begun)
                    begun = convert.record_begun(request.record)
                    if isinstance(begun, RecordReport):
                        yield convert.import_report(begun)
                case "photo_chunk" if isinstance(begun, RecordAssembly):
                    begun.add(request.photo_chunk.name, request.photo_chunk.data, last=request.photo_chunk.last)
                case "photo_chunk" if begun is not None:
                    pass  # of a record that was refused
                case "finish":
                    if isinstance(begun, RecordAssembly):
                        yield await self._import(begun)
                    await asyncio.to_thread(self._importer.finish)
                    return
                case _:
                    raise CekalwatchError(Code.RECORD_EXPECTED)
            if isinstance(begun, RecordAssembly) and begun.complete:
                yield await self._import(begun)
                begun = None

    async def _import(self, assembly: RecordAssembly) -> pb.ImportWatchlistResponse:
        return convert.import_report(await asyncio.to_thread(self._importer.import_record, assembly.record()))

    async def ListSubjects(self, request: pb.ListSubjectsRequest, context: Context) -> pb.ListSubjectsResponse:
        """See the contract."""
        after = convert.subject_page_token(request.page_token)
        limit = page_size(request.page_size, default=convert.USUAL_PAGE)
        files = await asyncio.to_thread(self._store.list_subjects, after, limit)
        return pb.ListSubjectsResponse(
            subjects=[convert.subject_entry(file.subject, self._judged(file), file.references) for file in files],
            next_page_token=files[-1].subject.subject_id if len(files) == limit else "",
        )

    async def GetSubject(self, request: pb.GetSubjectRequest, context: Context) -> pb.GetSubjectResponse:
        """See the contract."""
        file = await asyncio.to_thread(self._store.get_subject, convert.subject_key(request.subject_id))
        pictures = {}
        if request.include_photos:
            for reference in file.references[: convert.MOST_PICTURES]:
                key = reference.reference_id
                pictures[key] = await asyncio.to_thread(self._store.face_jpeg, key)
        return pb.GetSubjectResponse(
            subject=convert.subject_entry(file.subject, self._judged(file), file.references, pictures)
        )

    def _judged(self, file: SubjectFile) -> list[JudgedOrder]:
        return self._checkpoints.judged(file, self._clock.now(), self._site)

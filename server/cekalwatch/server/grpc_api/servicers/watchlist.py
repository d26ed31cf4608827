"""WatchlistService: imports, and looking at the list. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from cekalwatch.server.audit.entry import Action, Actor, Thing
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.grpc_api.authentication import current_admission, current_caller
from cekalwatch.server.grpc_api.convert import watchlist as convert
from cekalwatch.server.grpc_api.convert.common import page_size
from cekalwatch.server.grpc_api.servicers.import_call import ImportCall, ImportWorkers
from cekalwatch.server.grpc_api.servicers.sync import SyncMethods
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.sync.service import SyncService
from cekalwatch.v1 import watchlist_service_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]


class WatchlistServicer(SyncMethods):
    """What list managers ask of the watchlist."""

    def __init__(
        self,
        store: WatchlistStore,
        begin_import: Callable[[Actor, Callable[[], None]], ImportRun],
        checkpoints: Checkpoints,
        site: str,
        trail: AuditTrail,
        clock: Clock,
        workers: ImportWorkers,
        lookalikes: LookalikeFinder,
        syncs: SyncService,
        freshness: FreshnessGauge,
    ) -> None:
        super().__init__(syncs, freshness)
        self._lookalikes = lookalikes
        self._workers = workers
        self._importing: set[ImportCall] = set()
        self._store = store
        self._begin_import = begin_import
        self._checkpoints = checkpoints
        self._trail = trail
        self._site = site
        self._clock = clock

    async def ImportWatchlist(
        self, request_iterator: AsyncIterator[pb.ImportWatchlistRequest], context: Context
    ) -> AsyncIterator[pb.ImportWatchlistResponse]:
        """Import records, and report on each in their order."""
        actor, permitted = current_caller().actor, current_admission().check
        call = ImportCall(lambda: self._begin_import(actor, permitted), self._workers)
        self._importing.add(call)

        # When a client vanishes, gRPC does not resume this generator; only the call's done callback is sure to run.
        def ended(ctx: Context) -> None:  # noqa: ARG001  # gRPC's signature
            self._end_import(call)

        context.add_done_callback(ended)  # type: ignore[arg-type]  # the stub's protocol fits no function
        async for report in call.reports(request_iterator):
            yield convert.import_report(report)

    def end_imports(self) -> None:
        """Record the end of the imports that were broken off: a server that stops may do so before gRPC's callbacks."""
        for call in tuple(self._importing):
            self._end_import(call)

    def _end_import(self, call: ImportCall) -> None:
        if call in self._importing:
            self._importing.remove(call)
            call.close()

    async def ListSubjects(self, request: pb.ListSubjectsRequest, context: Context) -> pb.ListSubjectsResponse:
        """Return a page of subjects, without pictures."""
        after = convert.subject_page_token(request.page_token)
        limit = page_size(request.page_size, default=convert.DEFAULT_PAGE)
        files = await asyncio.to_thread(self._store.list_subjects, after, limit)
        entries = (convert.subject_entry(file.subject, self._judged(file), file.references) for file in files)
        page = convert.subject_page(entries, len(files), limit)
        shown = [Thing.SUBJECT.key(entry.subject.subject_id) for entry in page.subjects]
        await self._trail.note(current_caller().actor, Action.SUBJECTS_LISTED, shown, subjects=len(shown))
        return page

    async def GetSubject(self, request: pb.GetSubjectRequest, context: Context) -> pb.GetSubjectResponse:
        """Return one subject, with its pictures if they are asked for."""
        asked = int(request.include_photos)
        try:
            file = await asyncio.to_thread(self._store.get_subject, convert.subject_key(request.subject_id))
        except CekalwatchError as error:
            # The text that was asked for is not a key and may be a name, so it is not recorded.
            await self._trail.note(current_caller().actor, Action.SUBJECT_VIEWED, outcome=error.code, pictures=asked)
            raise
        also_under = await asyncio.to_thread(self._lookalikes.of_subject, self._store, file.subject.subject_id)
        others = dict.fromkeys(key for keys in also_under.values() for key in keys)
        shown = [Thing.SUBJECT.key(key) for key in (file.subject.subject_id, *others)]
        await self._trail.note(current_caller().actor, Action.SUBJECT_VIEWED, shown, pictures=asked)
        entry = convert.subject_entry(file.subject, self._judged(file), file.references, also_under)
        answer = pb.GetSubjectResponse(subject=entry)
        if request.include_photos:
            for reference in file.references[: convert.MAX_PICTURES]:
                jpeg = await asyncio.to_thread(self._store.face_jpeg, reference.reference_id)
                convert.add_picture(answer, reference.reference_id, jpeg)
        return answer

    def _judged(self, file: SubjectFile) -> list[JudgedOrder]:
        return self._checkpoints.judged(file, self._clock.now(), self._site)

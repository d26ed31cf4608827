"""WatchlistService: imports, synchronisations, and looking at the list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cekalwatch.contract.codec.imports import RECORD_REPORT, SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.codec.listed_subjects import WATCHLIST_FILTER
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.server.audit.entry import Action, Actor, ObjectKind
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.grpc_api.authentication import current_admission, current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import page, page_size
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.grpc_api.servicers.watchlist import subjects
from cekalwatch.server.grpc_api.servicers.watchlist.agencies import AgencyMethods
from cekalwatch.server.grpc_api.servicers.watchlist.amendments import AmendmentMethods
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import ImportCall, ImportWorkers
from cekalwatch.server.grpc_api.servicers.watchlist.law import LawMethods
from cekalwatch.server.grpc_api.servicers.watchlist.list_file import ListFileMethods, ListFiles
from cekalwatch.server.grpc_api.servicers.watchlist.subject_faces import SubjectFaceMethods
from cekalwatch.server.grpc_api.servicers.watchlist.subjects import LookalikeMethods
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.agencies import AgencyRegistry
from cekalwatch.server.watchlist.amendments import OrderAmender
from cekalwatch.server.watchlist.browser import SubjectView, WatchlistReader
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.law_register import LawRegister
from cekalwatch.server.watchlist.lookalikes import LookalikeReview
from cekalwatch.server.watchlist.sync.schedule import SyncService
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

DEFAULT_PAGE = 50
_MAX_DIGITS = 18
"""Of a number that fits into 64 bits."""


class SyncMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """What list managers ask of the synchronisation."""

    def __init__(self, syncs: SyncService, freshness: FreshnessGauge) -> None:
        self._syncs = syncs
        self._freshness = freshness

    async def SyncNow(self, request: pb.SyncNowRequest, context: Context) -> pb.SyncNowResponse:
        """Start a synchronisation, and return the key of its run."""
        run_id = await asyncio.to_thread(self._syncs.start, current_caller().actor, from_start=request.from_start)
        return pb.SyncNowResponse(run_id=run_id)

    async def AcceptShrunkenList(
        self, request: pb.AcceptShrunkenListRequest, context: Context
    ) -> pb.AcceptShrunkenListResponse:
        """Accept that a list has shrunk, as two people."""
        who = current_caller()
        run_id = await asyncio.to_thread(self._syncs.accept, request.run_id, who.two_people(), who.actor)
        return pb.AcceptShrunkenListResponse(run_id=run_id or 0)

    async def GetSyncStatus(self, request: pb.GetSyncStatusRequest, context: Context) -> pb.GetSyncStatusResponse:
        """Return the state of the synchronisation."""
        status = await asyncio.to_thread(self._syncs.status)
        return SYNC_STATUS.write(replace(status, freshness=self._freshness.now()))

    async def ListSyncRuns(self, request: pb.ListSyncRunsRequest, context: Context) -> pb.ListSyncRunsResponse:
        """Return a page of runs, newest first."""
        before = run_page_token(request.page_token)
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        return run_page(await asyncio.to_thread(self._syncs.runs, limit, before), limit)


def run_page_token(token: str) -> int | None:
    """Read the token of a page of runs; raises PAGE_TOKEN_INVALID."""
    if not token:
        return None
    if len(token) > _MAX_DIGITS or not (token.isascii() and token.isdecimal()):
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return int(token)


def run_page(runs: Sequence[SyncRun], limit: int) -> pb.ListSyncRunsResponse:
    """Write a page of runs, as far as they fit into a message."""
    messages, more = page(map(SYNC_RUN.write, runs), len(runs), limit)
    token = str(messages[-1].run_id) if messages and more else ""
    return pb.ListSyncRunsResponse(runs=messages, next_page_token=token)


Viewed = TypeVar("Viewed")


class WatchlistServicer(
    SyncMethods,
    ListFileMethods,
    LookalikeMethods,
    SubjectFaceMethods,
    AgencyMethods,
    LawMethods,
    AmendmentMethods,
):
    """What list managers ask of the watchlist."""

    def __init__(
        self,
        reader: WatchlistReader,
        begin_import: Callable[[Actor, Callable[[], None]], ImportRun],
        trail: AuditTrail,
        clock: Clock,
        workers: ImportWorkers,
        lookalikes: LookalikeFinder,
        review: LookalikeReview,
        syncs: SyncService,
        freshness: FreshnessGauge,
        files: ListFiles,
        agencies: AgencyRegistry,
        law: LawRegister,
        amender: OrderAmender,
        thumbnails: Thumbnails,
    ) -> None:
        SyncMethods.__init__(self, syncs, freshness)
        ListFileMethods.__init__(self, files)
        LookalikeMethods.__init__(self, review, trail)
        SubjectFaceMethods.__init__(self, reader, trail, thumbnails)
        AgencyMethods.__init__(self, agencies)
        LawMethods.__init__(self, law)
        AmendmentMethods.__init__(self, amender)
        self._lookalikes = lookalikes
        self._workers = workers
        self._importing: set[ImportCall] = set()
        self._reader = reader
        self._begin_import = begin_import
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
            yield pb.ImportWatchlistResponse(report=RECORD_REPORT.write(report))

    def end_imports(self) -> None:
        """Record the end of the imports that were broken off: a server that stops may do so before gRPC's callbacks."""
        for call in tuple(self._importing):
            self._end_import(call)
        self.end_files()

    def _end_import(self, call: ImportCall) -> None:
        if call in self._importing:
            self._importing.remove(call)
            call.close()

    async def ListSubjects(self, request: pb.ListSubjectsRequest, context: Context) -> pb.ListSubjectsResponse:
        """Return a page of subjects, without pictures."""
        after = subjects.subject_page_token(request.page_token)
        limit = page_size(request.page_size, default=subjects.DEFAULT_PAGE)
        wanted = WATCHLIST_FILTER.read(request.filter, Reading.STRICT)
        at = subjects.on_day(request.on_day, self._clock.now(), self._reader.zone)
        found = await asyncio.to_thread(self._reader.page, wanted, at, after, limit)
        page = subjects.subject_page(found)
        shown = [ObjectKind.SUBJECT.key(entry.subject.subject_id) for entry in page.subjects]
        await self._trail.note(current_caller().actor, Action.SUBJECTS_LISTED, shown, subjects=len(shown))
        return page

    async def GetSubject(self, request: pb.GetSubjectRequest, context: Context) -> pb.GetSubjectResponse:
        """Return one subject, with its pictures if they are asked for."""
        chosen = subjects.photo_references(request.photo_references)
        asked = len(chosen) or int(request.include_photos)
        view = await self._viewed(request.subject_id, self._view, pictures=asked)
        shown = [ObjectKind.SUBJECT.key(key) for key in (view.subject.subject_id, *view.others)]
        await self._trail.note(current_caller().actor, Action.SUBJECT_VIEWED, shown, pictures=asked)
        answer = subjects.one_subject(view)
        beside = {key for keys in view.also_under.values() for key in keys}
        for one in await asyncio.to_thread(self._review.of_subject, view.subject.subject_id, beside):
            subjects.add_lookalike(answer, one)
        for keeping in await asyncio.to_thread(self._amender.keeping, view.subject.subject_id):
            subjects.add_keeping(answer, keeping)
        faces = [one for one in view.references if not chosen or one.reference_id in chosen] if asked else []
        for face in faces[: subjects.MAX_PICTURES]:
            subjects.add_picture(answer, face.reference_id, await asyncio.to_thread(self._reader.picture, face))
        return answer

    async def GetSubjectHistory(
        self, request: pb.GetSubjectHistoryRequest, context: Context
    ) -> pb.GetSubjectHistoryResponse:
        """Return what happened to a subject and its orders."""

        def history(key: str) -> pb.GetSubjectHistoryResponse:
            return subjects.history(self._reader.history(key))

        answer = await self._viewed(request.subject_id, history, history=1)
        shown = [ObjectKind.SUBJECT.key(request.subject_id)]
        await self._trail.note(current_caller().actor, Action.SUBJECT_VIEWED, shown, history=len(answer.events))
        return answer

    def _view(self, subject_id: str) -> SubjectView:
        return self._reader.subject(subject_id, self._clock.now(), self._lookalikes)

    async def _viewed(self, subject_id: str, read: Callable[[str], Viewed], **asked: int) -> Viewed:
        """Return the result of `read` for a subject; a request for a missing subject is recorded."""
        try:
            return await asyncio.to_thread(read, subjects.subject_key(subject_id))
        except CekalwatchError as error:
            # The text that was asked for is not a key and may be a name, so it is not recorded.
            await self._trail.note(current_caller().actor, Action.SUBJECT_VIEWED, (), error.code, **asked)
            raise

"""What list managers see of the list: subjects with their pictures and history, and their look-alikes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cekalwatch.contract.calls import watchlist as calls
from cekalwatch.contract.codec.listed_subjects import WATCHLIST_FILTER
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.watchlist import Lookalike
from cekalwatch.server.audit.entry import OK, Action, ObjectKind
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.messages import page_size, require, text
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.servicers.faces import MAX_FACES, Thumbnails
from cekalwatch.server.grpc_api.servicers.watchlist import subjects
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.amendments import OrderAmender
from cekalwatch.server.watchlist.browser import SubjectView, WatchlistReader
from cekalwatch.server.watchlist.lookalikes import LookalikeReview
from cekalwatch.v1 import watchlist_service_pb2 as pb

Viewed = TypeVar("Viewed")


@dataclass(frozen=True)
class SubjectCalls:
    """Shows subjects; one entry of the audit trail names all that a call shows."""

    reader: WatchlistReader
    trail: AuditTrail
    clock: Clock
    lookalikes: LookalikeFinder
    review: LookalikeReview
    amender: OrderAmender
    thumbnails: Thumbnails

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.LIST_SUBJECTS, self._subjects),
            serve(calls.GET_SUBJECT, self._subject),
            serve(calls.GET_SUBJECT_HISTORY, self._history),
            serve(calls.LIST_SUBJECT_FACES, self._faces),
            serve(calls.LIST_LOOK_ALIKES, self._lookalikes),
            serve(calls.JUDGE_LOOK_ALIKES, self._judge),
        )

    async def _subjects(self, request: pb.ListSubjectsRequest) -> pb.ListSubjectsResponse:
        after = subjects.subject_page_token(request.page_token)
        limit = page_size(request.page_size, default=subjects.DEFAULT_PAGE)
        wanted = WATCHLIST_FILTER.read(request.filter, Reading.STRICT)
        at = subjects.on_day(request.on_day, self.clock.now(), self.reader.zone)
        page = subjects.subject_page(await asyncio.to_thread(self.reader.page, wanted, at, after, limit))
        shown = [entry.subject.subject_id for entry in page.subjects]
        await self._note(Action.SUBJECTS_LISTED, shown, subjects=len(shown))
        return page

    async def _subject(self, request: pb.GetSubjectRequest) -> pb.GetSubjectResponse:
        chosen = subjects.photo_references(request.photo_references)
        asked = len(chosen) or int(request.include_photos)
        view = await self._viewed(request.subject_id, self._view, pictures=asked)
        await self._note(Action.SUBJECT_VIEWED, (view.subject.subject_id, *view.others), pictures=asked)
        answer = subjects.one_subject(view)
        beside = {key for keys in view.also_under.values() for key in keys}
        for one in await asyncio.to_thread(self.review.of_subject, view.subject.subject_id, beside):
            subjects.add_lookalike(answer, one)
        for keeping in await asyncio.to_thread(self.amender.keeping, view.subject.subject_id):
            subjects.add_keeping(answer, keeping)
        faces = [one for one in view.references if not chosen or one.reference_id in chosen] if asked else []
        for face in faces[: subjects.MAX_PICTURES]:
            subjects.add_picture(answer, face.reference_id, await asyncio.to_thread(self.reader.picture, face))
        return answer

    async def _history(self, request: pb.GetSubjectHistoryRequest) -> pb.GetSubjectHistoryResponse:
        def history(key: str) -> pb.GetSubjectHistoryResponse:
            return subjects.history(self.reader.history(key))

        answer = await self._viewed(request.subject_id, history, history=1)
        await self._note(Action.SUBJECT_VIEWED, [request.subject_id], history=len(answer.events))
        return answer

    async def _faces(self, request: pb.ListSubjectFacesRequest) -> pb.ListSubjectFacesResponse:
        require(len(request.subject_ids) <= MAX_FACES, "subject_ids")
        found = await asyncio.to_thread(self._small_faces, [subjects.subject_key(one) for one in request.subject_ids])
        if found:
            await self._note(Action.FACES_LISTED, list(found), pictures=len(found))
        return pb.ListSubjectFacesResponse(
            faces=[pb.SubjectFace(subject_id=key, jpeg=jpeg) for key, jpeg in found.items()]
        )

    def _small_faces(self, wanted: Sequence[str]) -> dict[str, bytes]:
        small = {key: self.thumbnails.of(jpeg) for key, jpeg in self.reader.faces(wanted).items()}
        return {key: jpeg for key, jpeg in small.items() if jpeg}

    async def _lookalikes(self, request: pb.ListLookAlikesRequest) -> pb.ListLookAlikesResponse:
        after = subjects.place(request.page_token)
        limit = page_size(request.page_size, default=subjects.DEFAULT_PAGE)
        found = await asyncio.to_thread(self.review.page, subjects.wanted(request), after, limit)
        page = subjects.lookalike_page(found)
        shown = sorted({one.subject_id for pair in page.pairs for one in (pair.first, pair.second)})
        await self._note(Action.SUBJECTS_LISTED, shown, subjects=len(shown))
        return page

    def _judge(self, request: pb.JudgeLookAlikesRequest) -> Lookalike:
        who, pair = current_caller(), subjects.judged_pair(request)
        judgement, mark = subjects.found_judgement(request), text(request.mark, "mark")
        found = self.review.judge(pair, judgement, mark, who.signed_in().person, who.actor)
        return replace(found, subject_id=pair.other(request.subject_id))

    def _view(self, subject_id: str) -> SubjectView:
        return self.reader.subject(subject_id, self.clock.now(), self.lookalikes)

    async def _viewed(self, subject_id: str, read: Callable[[str], Viewed], **asked: int) -> Viewed:
        """Return the result of `read` for a subject; a request for a missing subject is recorded."""
        try:
            return await asyncio.to_thread(read, subjects.subject_key(subject_id))
        except CekalwatchError as error:
            # The text that was asked for is not a key and may be a name, so it is not recorded.
            await self.trail.note(current_caller().actor, Action.SUBJECT_VIEWED, (), error.code, **asked)
            raise

    async def _note(self, action: Action, subject_ids: Sequence[str], **details: int) -> None:
        objects = list(map(ObjectKind.SUBJECT.key, subject_ids))
        await self.trail.note(current_caller().actor, action, objects, OK, **details)

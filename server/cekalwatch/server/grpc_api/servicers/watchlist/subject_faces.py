"""Small pictures of subjects for lists. One entry of the audit trail names all that a call shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cekalwatch.server.audit.entry import Action, ObjectKind
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import require
from cekalwatch.server.grpc_api.servicers.faces import MAX_FACES, Thumbnails
from cekalwatch.server.grpc_api.servicers.watchlist.subjects import subject_key
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.browser import WatchlistReader
from cekalwatch.v1 import watchlist_service_pb2, watchlist_service_pb2_grpc


class SubjectFaceMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """Faces of subjects."""

    def __init__(self, reader: WatchlistReader, trail: AuditTrail, thumbnails: Thumbnails) -> None:
        self._faces_reader = reader
        self._faces_trail = trail
        self._thumbnails = thumbnails

    async def ListSubjectFaces(
        self, request: watchlist_service_pb2.ListSubjectFacesRequest, context: Context
    ) -> watchlist_service_pb2.ListSubjectFacesResponse:
        """Return the best photograph of each subject that has one."""
        require(len(request.subject_ids) <= MAX_FACES, "subject_ids")
        found = await asyncio.to_thread(self._subject_faces, [subject_key(one) for one in request.subject_ids])
        if found:
            shown = list(map(ObjectKind.SUBJECT.key, found))
            await self._faces_trail.note(current_caller().actor, Action.FACES_LISTED, shown, pictures=len(found))
        faces = [watchlist_service_pb2.SubjectFace(subject_id=key, jpeg=jpeg) for key, jpeg in found.items()]
        return watchlist_service_pb2.ListSubjectFacesResponse(faces=faces)

    def _subject_faces(self, wanted: Sequence[str]) -> dict[str, bytes]:
        small = {key: self._thumbnails.of(jpeg) for key, jpeg in self._faces_reader.faces(wanted).items()}
        return {key: jpeg for key, jpeg in small.items() if jpeg}

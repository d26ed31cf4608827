"""Small pictures of alerts for lists. One entry of the audit trail names all that a call shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from cekalwatch.contract.codec.alerts import FACES
from cekalwatch.contract.values.alerts import AlertFaces
from cekalwatch.server.alerts.details import AlertDetailsReader
from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import require
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc

MAX_FACES: Final = 20
"""Alerts or subjects of one call."""


class Thumbnails:
    """Makes pictures small; one that cannot be read is left out. It blocks."""

    def __init__(self, encoded: Callable[[bytes], bytes]) -> None:
        """`encoded` may raise CekalwatchError."""
        self._encoded = encoded

    def of(self, jpeg: bytes) -> bytes:
        """Return a picture as it stands in lists; empty for none, and for one that cannot be read."""
        try:
            return self._encoded(jpeg) if jpeg else b""
        except CekalwatchError:  # the decoder has logged why
            return b""


class AlertFaceMethods(alert_service_pb2_grpc.AlertServiceServicer):
    """Faces of alerts. Before the first look, too: a look is what they are for (domain rule 15)."""

    def __init__(self, details: AlertDetailsReader, trail: AuditTrail, thumbnails: Thumbnails) -> None:
        self._faces_of = details
        self._faces_trail = trail
        self._thumbnails = thumbnails

    async def ListAlertFaces(
        self, request: alert_service_pb2.ListAlertFacesRequest, context: Context
    ) -> alert_service_pb2.ListAlertFacesResponse:
        """Return the two faces of each alert that the caller may see."""
        require(len(request.alert_ids) <= MAX_FACES, "alert_ids")
        wanted, caller = [read.alert_id(one) for one in request.alert_ids], current_caller()
        found = await asyncio.to_thread(self._alert_faces, list(dict.fromkeys(wanted)), caller)
        shown = shown_objects(alert for alert, _ in found)
        pictures = sum(bool(jpeg) for _, faces in found for jpeg in (faces.probe, faces.reference))
        if found:
            await self._faces_trail.note(caller.actor, Action.FACES_LISTED, shown, pictures=pictures)
        return alert_service_pb2.ListAlertFacesResponse(faces=[FACES.write(faces) for _, faces in found])

    def _alert_faces(self, wanted: Sequence[UUID], caller: Caller) -> list[tuple[Alert, AlertFaces]]:
        alerts = [one.alert for one in self._faces_of.several(wanted) if caller.sees(one.alert.camera.site)]
        found = []
        for alert in alerts:
            probe, reference = map(self._thumbnails.of, self._faces_of.faces(alert))
            if probe:
                found.append((alert, AlertFaces(str(alert.alert_id), probe, reference)))
        return found

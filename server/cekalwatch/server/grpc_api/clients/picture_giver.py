"""Gives the centre the pictures of alerts that people there open, each recorded here first."""

from __future__ import annotations

import asyncio

import structlog

from cekalwatch.contract.codec.federation import PORT_MESSAGE
from cekalwatch.contract.values.federation import PictureRefusal, PortPicture
from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, ObjectKind
from cekalwatch.server.concurrency.token_bucket import TokenBucket
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.grpc_api.fields import uuid as read_uuid
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb

PICTURES_PER_S = 1.0
MAX_PICTURES = 30.0
"""Pictures that may be asked for at once, by whatever servers of the centre; after these, so many a second."""
MAX_ASKED_BY = 180
LOG_PERIOD_S = 60.0
"""How often it is logged that too much is asked."""

log = structlog.get_logger()


class PictureGiver:
    """Answers over any stream of this server to its centre. It belongs to the event loop."""

    def __init__(self, alerts: AlertStore, trail: AuditTrail) -> None:
        self._alerts = alerts
        self._trail = trail
        self._pace: TokenBucket | None = None
        self._log_s = float("-inf")

    async def answer(self, asked: port_pb2.PictureRequest) -> pb.ReportAlertsRequest:
        """Return the picture that somebody at the centre opens, once that is recorded here."""
        alert_id, who = read_uuid(asked.alert_id), asked.asked_by
        if alert_id is None or not (0 < len(who) <= MAX_ASKED_BY and who.isprintable()):
            return _answer(asked, PictureRefusal.NOT_KEPT)
        now_s = asyncio.get_running_loop().time()
        if self._bucket().take(1, now_s, 0) is None:
            if now_s - self._log_s >= LOG_PERIOD_S:
                self._log_s = now_s
                log.warning("centre_asks_too_often")
            return _answer(asked, PictureRefusal.NOT_NOW)
        by, alerts, trail = Actor(ActorKind.CENTRE, who), self._alerts, self._trail
        try:
            alert = await asyncio.to_thread(alerts.get, alert_id)
            jpeg = await asyncio.to_thread(alerts.probe, alert_id)
            await trail.note(by, Action.ALERT_VIEWED, shown_objects([alert]), pictures=1)
        except CekalwatchError as error:
            await trail.note(by, Action.ALERT_VIEWED, [ObjectKind.ALERT.key(alert_id)], error.code, pictures=1)
            return _answer(asked, PictureRefusal.NOT_KEPT)
        except (StorageError, ValueError) as error:  # damaged rows raise the latter
            log.error("picture_not_given", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
            return _answer(asked, PictureRefusal.NOT_NOW)
        if not jpeg:
            return _answer(asked, PictureRefusal.NOT_KEPT)
        return PORT_MESSAGE.write(PortPicture(asked.request_id, jpeg))

    def _bucket(self) -> TokenBucket:
        self._pace = self._pace or TokenBucket(PICTURES_PER_S, MAX_PICTURES, asyncio.get_running_loop().time())
        return self._pace


def _answer(asked: port_pb2.PictureRequest, refusal: PictureRefusal) -> pb.ReportAlertsRequest:
    return PORT_MESSAGE.write(PortPicture(asked.request_id, refusal=refusal))

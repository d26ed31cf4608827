"""EnrolmentService, for devices that have no certificate yet."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import structlog

from cekalwatch.server.audit.device_entries import certificate_facts, device, device_entry
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.v1 import enrolment_service_pb2 as pb
from cekalwatch.v1 import enrolment_service_pb2_grpc
from cekalwatch.wire.invitation import SECRET_BYTES, public_id

MAX_REQUEST_BYTES = 4096

log = structlog.get_logger()


class EnrolmentServicer(enrolment_service_pb2_grpc.EnrolmentServiceServicer):
    """Enrols devices that were invited."""

    def __init__(self, pki: SitePki, trail: AuditTrail, clock: Clock) -> None:
        self._pki = pki
        self._trail = trail
        self._clock = clock

    async def EnrolDevice(
        self, request: pb.EnrolDeviceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.EnrolDeviceResponse:
        """Issue a certificate to a device that was invited."""
        if len(request.invitation_secret) != SECRET_BYTES:
            raise CekalwatchError(Code.INVITATION_INVALID)
        if len(request.certificate_request) > MAX_REQUEST_BYTES:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "certificate_request")
        secret = request.invitation_secret
        identity, certificate = await asyncio.to_thread(
            self._pki.enrol, secret, request.certificate_request, self._clock.now()
        )
        details = certificate_facts(certificate) | {"invitation": public_id(secret)}
        await self._trail.enter(
            device_entry(self._clock.now(), device(identity), Action.DEVICE_ENROLLED, identity, details)
        )
        log.info("device_enrolled", role=identity.role, site=identity.site, name=identity.name)
        return pb.EnrolDeviceResponse(certificate_pem=self._pki.chain(certificate))

"""EnrolmentService, for devices that have no certificate yet, and the bounds on strangers who call it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from cekalwatch.server.audit.device_entries import certificate_facts, device, device_entry
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.errors import Context, abort_with, address_of
from cekalwatch.server.grpc_api.messages import single_request
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.v1 import enrolment_service_pb2 as pb
from cekalwatch.v1 import enrolment_service_pb2_grpc
from cekalwatch.wire.invitation import SECRET_BYTES, public_id

MAX_REQUEST_BYTES = 4096
MAX_ENROLMENTS = 4
"""Most enrolments at once whose request has arrived. Enrolling is rare; strangers must not take the server's time."""
MAX_ENROLMENTS_OF_ADDRESS = 2
"""Calls that one address may have open, whether or not their request has come."""

log = structlog.get_logger()

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic in the typing stubs only


class EnrolmentServicer(enrolment_service_pb2_grpc.EnrolmentServiceServicer):
    """Enrols devices that were invited."""

    def __init__(self, pki: SitePki, trail: AuditTrail, clock: Clock) -> None:
        self._pki = pki
        self._trail = trail
        self._clock = clock

    async def EnrolDevice(self, request: pb.EnrolDeviceRequest, context: Context) -> pb.EnrolDeviceResponse:
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


class StrangerBounds(grpc.aio.ServerInterceptor):
    """Bounds the calls of strangers: few of an address, each with its request in time, and few that are worked on."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._working = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler; all methods of the service take one request and give one answer."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        behaviour: Callable[[Any, Context], Awaitable[Any]] = handler.unary_unary  # type: ignore[assignment]  # typed for the other kind of server
        return grpc.stream_unary_rpc_method_handler(
            self._bounded(behaviour),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _bounded(self, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(requests: AsyncIterator[Any], context: Context) -> Any:  # noqa: ANN401  # any message
            try:
                with self._of_address(address_of(context)):
                    request = await single_request(requests, context)
                    with self._worked_on():
                        return await behaviour(request, context)
            except CekalwatchError as error:
                await abort_with(context, error.code)

        return run

    @contextmanager
    def _of_address(self, address: str) -> Iterator[None]:
        if self._open[address] >= MAX_ENROLMENTS_OF_ADDRESS:
            raise CekalwatchError(Code.CALLS_TOO_MANY)
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            self._open = +self._open

    @contextmanager
    def _worked_on(self) -> Iterator[None]:
        if self._working >= MAX_ENROLMENTS:
            raise CekalwatchError(Code.SERVER_BUSY)
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

"""The calls about the audit trail, as values. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from cekalwatch.contract.codec.audit import CHECK, ENTRY_PAGE, EXPORT_FORMATS, FULL_ENTRY, QUERY
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.audit import ExportFormat, FullEntry, TrailPage, TrailProgress, TrailQuery, TrailVerdict
from cekalwatch.office.client.service_client import ServiceClient, Token
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import audit_service_pb2 as pb
from cekalwatch.v1 import session_pb2
from cekalwatch.v1.audit_service_pb2_grpc import AuditServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer

LONG_S = 3600.0
"""A check or an export of a long trail."""


@dataclass
class Export:
    """An export that has begun: the other fields are set when `parts` has been read to its end."""

    parts: Iterable[bytes]
    checkpoint: str = field(default="", init=False)
    """One line of JSON; empty when there is none."""


class AuditClient(ServiceClient[AuditServiceStub]):
    """An auditor's calls. It may be used from several threads."""

    stub = AuditServiceStub

    def __init__(self, calls: Calls, dialer: Dialer, session: Token) -> None:
        super().__init__(calls, session)
        self._dialer = dialer

    def search(self, query: TrailQuery, size: int, token: str) -> TrailPage:
        request = QUERY.write(query)
        request.page_size, request.page_token = size, token
        return ENTRY_PAGE.read(self._call(lambda stub: stub.SearchAuditEntries, request))

    def entry(self, sequence: int) -> FullEntry:
        """Return one entry in full."""
        return FULL_ENTRY.read(self._call(lambda stub: stub.GetAuditEntry, pb.GetAuditEntryRequest(sequence=sequence)))

    def verify(self) -> Iterator[TrailProgress | TrailVerdict]:
        """Check the whole trail; yield its progress, and at the end its result."""
        with self._dialer.another().channel() as channel:
            metadata = bearer(self._session.token())
            stub = AuditServiceStub(channel)
            for answer in stub.VerifyAuditTrail(pb.VerifyAuditTrailRequest(), timeout=LONG_S, metadata=metadata):
                if found := CHECK.read(answer):
                    yield found

    @staticmethod
    def wanted(since: datetime | None, until: datetime | None, form: ExportFormat) -> JointRequest:
        """Return what two people sign to export entries."""
        request = pb.ExportAuditEntriesRequest(
            start_time=timestamp(since) if since else None,
            end_time=timestamp(until) if until else None,
            format=EXPORT_FORMATS.number(form),
        )
        return JointRequest(session_pb2.TWO_PERSON_ACTION_EXPORT_AUDIT, request)

    def export(self, wanted: JointRequest, word: str) -> Export:
        """Begin an export, with the word of a second person."""
        parts = self._parts(cast("pb.ExportAuditEntriesRequest", wanted.request), word)
        export = Export(())
        first = next(parts)  # a refusal comes here
        export.parts = self._read(first, parts, export)
        return export

    def _parts(self, request: pb.ExportAuditEntriesRequest, word: str) -> Iterator[pb.ExportAuditEntriesResponse]:
        with self._dialer.another().channel() as channel:
            metadata = bearer(self._session.token(), word)
            yield from AuditServiceStub(channel).ExportAuditEntries(request, timeout=LONG_S, metadata=metadata)

    @staticmethod
    def _read(
        first: pb.ExportAuditEntriesResponse, others: Iterator[pb.ExportAuditEntriesResponse], export: Export
    ) -> Iterator[bytes]:
        answer = first
        while not answer.HasField("end"):
            yield answer.data
            answer = next(others)
        export.checkpoint = answer.end.checkpoint

"""The calls about the audit trail, as values. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cekalwatch.contract.calls import audit
from cekalwatch.contract.codec.audit import CHECK, EXPORT_FORMATS, QUERY
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.audit import ExportFormat, TrailPage, TrailProgress, TrailQuery, TrailVerdict
from cekalwatch.office.client.service_client import ServiceClient, Token
from cekalwatch.v1 import audit_service_pb2 as pb
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


class AuditClient(ServiceClient):
    """An auditor's calls. It may be used from several threads."""

    def __init__(self, calls: Calls, dialer: Dialer, session: Token) -> None:
        super().__init__(calls, session)
        self._dialer = dialer

    def search(self, query: TrailQuery, size: int, token: str) -> TrailPage:
        request = QUERY.write(query)
        request.page_size, request.page_token = size, token
        return self.ask(Asked(audit.SEARCH_AUDIT_ENTRIES, request))

    def verify(self) -> Iterator[TrailProgress | TrailVerdict]:
        """Check the whole trail; yield its progress, and at the end its result."""
        with self._dialer.another().channel() as channel:
            metadata = bearer(self._session.token())
            for answer in audit.VERIFY_AUDIT_TRAIL().on(channel, timeout=LONG_S, metadata=metadata):
                if found := CHECK.read(answer):
                    yield found

    @staticmethod
    def wanted(since: datetime | None, until: datetime | None, form: ExportFormat) -> Asked[object]:
        """Return what two people sign to export entries."""
        return audit.EXPORT_AUDIT_ENTRIES(
            start_time=timestamp(since) if since else None,
            end_time=timestamp(until) if until else None,
            format=EXPORT_FORMATS.number(form),
        )

    def export(self, wanted: Asked[object], word: str) -> Export:
        """Begin an export, with the word of a second person."""
        parts = self._parts(wanted, word)
        export = Export(())
        first = next(parts)  # a refusal comes here
        export.parts = self._read(first, parts, export)
        return export

    def _parts(self, wanted: Asked[object], word: str) -> Iterator[pb.ExportAuditEntriesResponse]:
        with self._dialer.another().channel() as channel:
            metadata = bearer(self._session.token(), word)
            yield from wanted.on(channel, timeout=LONG_S, metadata=metadata)

    @staticmethod
    def _read(
        first: pb.ExportAuditEntriesResponse, others: Iterator[pb.ExportAuditEntriesResponse], export: Export
    ) -> Iterator[bytes]:
        answer = first
        while not answer.HasField("end"):
            yield answer.data
            answer = next(others)
        export.checkpoint = answer.end.checkpoint

"""The call for the statistics of the console's site. Errors stay grpc.RpcError."""

from __future__ import annotations

from datetime import datetime

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.reports import FIELD_REPORT
from cekalwatch.contract.values.reports import FieldReport
from cekalwatch.v1 import report_service_pb2 as pb
from cekalwatch.v1.report_service_pb2_grpc import ReportServiceStub


class ReportClient(ServiceClient[ReportServiceStub]):
    """The calls of who supervises and who audits. It may be used from several threads."""

    stub = ReportServiceStub
    deadline_s = 60.0
    """Who asks for a year first waits until the server has counted its days."""

    def report(self, start: datetime, end: datetime, *, taken: bool = False) -> FieldReport:
        """Return the figures of the console's site; `taken`: they leave it as a file, and the audit trail says so."""
        request = pb.GetFieldReportRequest(taken=taken)
        request.start_time.FromDatetime(start)
        request.end_time.FromDatetime(end)
        return FIELD_REPORT.read(self._call(lambda stub: stub.GetFieldReport, request))

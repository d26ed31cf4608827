"""ReportService: statistics for supervisors and auditors."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cekalwatch.contract.codec.reports import FIELD_REPORT, PERIOD_LENGTHS
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.reports import MAX_SPAN, PeriodLength
from cekalwatch.server.alerts.reports import FieldReports
from cekalwatch.server.audit.entry import Action, stamp
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.v1 import report_service_pb2 as pb
from cekalwatch.v1 import report_service_pb2_grpc


class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Serves supervisors and auditors."""

    def __init__(self, reports: FieldReports, trail: AuditTrail, clock: Clock, home_site: str) -> None:
        """`home_site` is the site of a report where the caller's device has none."""
        self._reports = reports
        self._trail = trail
        self._clock = clock
        self._home_site = home_site
        # Waiting for the count of a year must not hold a thread, since alerts need threads.
        self._turn = asyncio.Lock()

    async def GetFieldReport(self, request: pb.GetFieldReportRequest, context: Context) -> pb.GetFieldReportResponse:
        """Return the figures of one site in a span of time."""
        who = current_caller()
        start, end = read.span(request, self._clock.now(), MAX_SPAN)
        site = who.one_site(read.site(request.site), self._home_site)
        length = _length(request.periods)
        async with self._turn:
            report = await asyncio.to_thread(self._reports.of, site, start, end, length)
        if request.taken:
            taken = {"since": stamp(report.since), "until": stamp(report.until)}
            await self._trail.note(who.actor, Action.REPORT_TAKEN, site=site, **taken)
        return FIELD_REPORT.write(replace(report, whole=replace(report.whole, key="")))


def _length(value: pb.FieldPeriodLength.ValueType) -> PeriodLength | None:
    try:
        return PERIOD_LENGTHS.read(value, Reading.STRICT)
    except ValueError:
        raise Refused("periods") from None

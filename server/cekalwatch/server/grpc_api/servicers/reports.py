"""Statistics for supervisors and auditors."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cekalwatch.contract.calls.operations import GET_FIELD_REPORT
from cekalwatch.contract.codec.reports import PERIOD_LENGTHS
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.reports import MAX_SPAN, FieldReport, PeriodLength
from cekalwatch.server.alerts.reports import FieldReports
from cekalwatch.server.audit.entry import Action, stamp
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.v1 import report_service_pb2 as pb


class ReportCalls:
    """Serves supervisors and auditors."""

    def __init__(self, reports: FieldReports, trail: AuditTrail, clock: Clock, home_site: str) -> None:
        """`home_site` is the site of a report where the caller's device has none."""
        self._reports = reports
        self._trail = trail
        self._clock = clock
        self._home_site = home_site
        # Waiting for the count of a year must not hold a thread, since alerts need threads.
        self._turn = asyncio.Lock()

    def served(self) -> Served:
        """Return the call."""
        return serve(GET_FIELD_REPORT, self._report)

    async def _report(self, request: pb.GetFieldReportRequest) -> FieldReport:
        who = current_caller()
        start, end = read.span(request, self._clock.now(), MAX_SPAN)
        site = who.one_site(read.site(request.site), self._home_site)
        length = _length(request.periods)
        async with self._turn:
            report = await asyncio.to_thread(self._reports.of, site, start, end, length)
        if request.taken:
            taken = {"since": stamp(report.since), "until": stamp(report.until)}
            await self._trail.note(who.actor, Action.REPORT_TAKEN, site=site, **taken)
        return replace(report, whole=replace(report.whole, key=""))


def _length(value: pb.FieldPeriodLength.ValueType) -> PeriodLength | None:
    try:
        return PERIOD_LENGTHS.read(value, Reading.STRICT)
    except ValueError:
        raise Refused("periods") from None

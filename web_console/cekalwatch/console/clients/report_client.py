"""The call for the report of the site. Errors stay grpc.RpcError."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cekalwatch.contract.calls import operations
from cekalwatch.contract.codec.reports import PERIOD_LENGTHS
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.reports import FieldReport, PeriodLength
from cekalwatch.office.client.service_client import ServiceClient


class ReportClient(ServiceClient):
    """The call of supervisors and auditors. Several threads may use it."""

    deadline_s = 60.0
    """The first request for a year waits until the server has counted its days."""

    def report(
        self, start: datetime, end: datetime, length: PeriodLength | None = None, *, taken: bool = False
    ) -> FieldReport:
        """Return the figures of the console's site, of a `length` also those of each whole day or week; `taken` means
        that they leave it as a file, which the audit trail records."""
        periods: dict[str, Any] = {"periods": PERIOD_LENGTHS.number(length)} if length else {}
        first, last = timestamp(start), timestamp(end)
        return self.ask(operations.GET_FIELD_REPORT(start_time=first, end_time=last, taken=taken, **periods))

"""Ports with servers of their own: what a centre receives from them, and what this server reports if it is one of
them."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from cekalwatch.contract.values.status import Reporting
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.alerts.report_receiver import ReportReceiver, ReportTerms
from cekalwatch.server.alerts.retention import PortRecordSweeper
from cekalwatch.server.cluster.jobs import LeaderJob, LeaderLease
from cekalwatch.server.grpc_api.clients.report_stream import PictureGiver, ReportedParts
from cekalwatch.server.grpc_api.clients.reporter import AlertReporter, PictureLine
from cekalwatch.server.grpc_api.servicers.ports import PortCalls
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.ports.followings import ReportedLog
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller
from cekalwatch.server.wiring.events import EventParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

SWEEP_PERIOD_S = 3600.0


@dataclass(frozen=True)
class PortParts(Part):
    """The service of ports, and the reports of this one."""

    reception: ReportReceiver
    reporter: AlertReporter | None
    """None when this server reports to no centre."""
    picture_lines: tuple[PictureLine, ...]
    """To each of several servers of the centre."""

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops that report to the centre, and give it pictures."""
        pictures = [LOOPS.keep(f"give_pictures-{number}", one.serve) for number, one in enumerate(self.picture_lines)]
        return (*([LOOPS.keep("report_alerts", self.reporter.report)] if self.reporter else ()), *pictures)

    def reporting(self) -> Reporting | None:
        """Return the state of this server's reports; None when it makes none."""
        return self.reporter.state if self.reporter else None


def init_ports(
    context: Context,
    events: EventParts,
    trail: AuditTrail,
    leader: LeaderLease,
    caller: PortCaller | None,
    freshness: FreshnessGauge,
) -> PortParts:
    """Opens nothing yet. `caller` identifies this server to its centre, if it has one."""
    settings, stores, clock, actor = context.settings, context.stores, context.clock, context.actor
    reception = ReportReceiver(stores.ports, trail, clock, actor, ReportTerms())
    calls = PortCalls(reception, stores.ports, events.details, trail, clock, settings.home.site)
    sweeper = PortRecordSweeper(stores.ports, clock, actor, settings.retention_policy.records)
    reporter, lines = None, tuple[PictureLine, ...]()
    if caller:
        reported = ReportedLog(context.database)
        list_at = partial(freshness.last_success_from, caller.settings.name)
        parts = ReportedParts(events.fanout, stores.alerts, reported, trail, events.deliveries, clock, list_at)
        pictures = PictureGiver(stores.alerts, trail)
        reporter = AlertReporter(caller, parts, pictures, leader)
        if len(addresses := caller.settings.addresses) > 1:
            lines = tuple(PictureLine(caller, address, pictures, leader) for address in addresses)
    jobs = (LeaderJob("sweep_port_records", SWEEP_PERIOD_S, sweeper.sweep),)
    return PortParts(reception, reporter, lines, served=calls.served(), jobs=jobs)

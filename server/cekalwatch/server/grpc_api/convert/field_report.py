"""Messages of the report of the field."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from cekalwatch.server.alerts.field_reports import SiteReport
from cekalwatch.server.domain.alerts.field_report import FieldLine, Halving, LearnedFigures, ThresholdUse, Waits
from cekalwatch.server.domain.alerts.measured_groups import MeasuredGroups
from cekalwatch.server.domain.rates import Rate
from cekalwatch.server.grpc_api.convert.adjudication import span
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.v1 import report_service_pb2 as pb

MAX_SPAN = timedelta(days=366)


def field_span(request: pb.GetFieldReportRequest, now: datetime) -> tuple[datetime, datetime]:
    """Read which span a report is wanted of; raises ARGUMENT_INVALID."""
    return span(request, now, MAX_SPAN)


def field_report_message(report: SiteReport) -> pb.GetFieldReportResponse:
    """Write a report."""
    figures = report.figures
    whole = _line(figures.whole)
    whole.key = ""
    return pb.GetFieldReportResponse(
        site=figures.site,
        start_time=timestamp(figures.since),
        end_time=timestamp(figures.until),
        made_time=timestamp(report.made_at),
        whole=whole,
        cameras=map(_line, figures.cameras),
        hours=map(_line, figures.hours),
        lists=map(_line, figures.lists),
        agencies=map(_line, figures.agencies),
        claims=_waits(figures.claims),
        decisions=_waits(figures.decisions),
        escalated=figures.escalated,
        listed=report.listed,
        thresholds=map(_threshold_use, figures.thresholds),
        learned=map(_learned, figures.learned),
        halvings=map(_halving, figures.halvings),
        groups=_groups(report.groups) if report.groups else None,
    )


def _line(line: FieldLine) -> pb.FieldLine:
    return pb.FieldLine(
        key=line.key,
        kind=line.kind,
        passages=line.passages,
        false_alerts=line.false_alerts,
        confirmed=line.confirmed,
        open=line.open,
        false_rate=_rate(line.fpir),
    )


def _rate(rate: Rate) -> pb.FieldRate | None:
    return None if math.isnan(rate.value) else pb.FieldRate(value=rate.value, low=rate.low, high=rate.high)


def _groups(found: MeasuredGroups) -> pb.MeasuredGroups:
    return pb.MeasuredGroups(
        source=found.source,
        model_version=found.model_version,
        people=found.people,
        groups=(
            pb.GroupFigures(group=one.group, misses=_rate(one.misses), false_alerts=_rate(one.false_alerts))
            for one in found.groups
        ),
        pairs=(
            pb.GroupPair(traveller=one.traveller, listed=one.listed, mistaken=_rate(one.mistaken))
            for one in found.pairs
        ),
    )


def _waits(waits: Waits) -> pb.FieldWaits:
    return pb.FieldWaits(count=waits.count, p50_s=waits.p50_s, p95_s=waits.p95_s) if waits.count else pb.FieldWaits()


def _threshold_use(use: ThresholdUse) -> pb.ThresholdUse:
    return pb.ThresholdUse(model_version=use.model_version, lowest=use.lowest, highest=use.highest, alerts=use.alerts)


def _learned(learned: LearnedFigures) -> pb.LearnedFigures:
    return pb.LearnedFigures(
        model_version=learned.model_version,
        threshold=learned.threshold,
        packs=learned.packs,
        interval=None if math.isnan(learned.low) else pb.ThresholdInterval(low=learned.low, high=learned.high),
        passages=learned.passages,
        counting=learned.counting,
        left_out=learned.left_out,
    )


def _halving(halving: Halving) -> pb.Halving:
    return pb.Halving(
        model_version=halving.model_version,
        threshold_before=halving.threshold_before,
        threshold=halving.threshold,
        false_alerts=halving.false_alerts,
        false_alerts_left=halving.false_alerts_left,
        confirmed=halving.confirmed,
        confirmed_missed=halving.confirmed_missed,
    )

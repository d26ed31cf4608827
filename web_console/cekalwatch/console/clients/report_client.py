"""Figures of the field, as plain values. Protobuf and unsafe text stop here; errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.v1 import report_service_pb2 as pb
from cekalwatch.v1.report_service_pb2_grpc import ReportServiceStub

MAX_SPAN = timedelta(days=366)
"""The server refuses longer ones."""


@dataclass(frozen=True)
class FieldRate:
    """A share, 0 to 1, with its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FieldLine:
    """What is counted of a camera, a list, an agency or an hour of the day."""

    key: str
    kind: str
    """Of an agency: its list."""
    passages: int
    false_alerts: int
    confirmed: int
    open: int
    false_rate: FieldRate | None
    """False alerts per passage; None: no passage was counted."""

    @property
    def alerts(self) -> int:
        """All alerts, whatever was found about them."""
        return self.false_alerts + self.confirmed + self.open


@dataclass(frozen=True)
class Waits:
    """How long alerts waited for something, in seconds."""

    count: int
    """0: none has had it, and the others mean nothing."""
    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class ThresholdUse:
    """The thresholds of one model version, comparison scores."""

    model_version: str
    lowest: float
    highest: float
    alerts: int


@dataclass(frozen=True)
class LearnedFigures:
    """What the site's own passages say of the threshold of one model version, comparison scores."""

    model_version: str
    threshold: float
    packs: float
    interval: tuple[float, float] | None
    """None: too few passages count."""
    passages: int
    counting: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Halving:
    """The threshold that would have halved the false alerts of one model version."""

    model_version: str
    threshold_before: float
    threshold: float
    false_alerts: int
    false_alerts_left: int
    confirmed: int
    confirmed_missed: int


@dataclass(frozen=True)
class GroupFigures:
    """Shares of one group of volunteers; None: not measured."""

    group: str
    misses: FieldRate | None
    false_alerts: FieldRate | None


@dataclass(frozen=True)
class GroupPair:
    """How often people of one group are taken for others of another, or of the same; empty names: everybody."""

    traveller: str
    listed: str
    mistaken: FieldRate | None


@dataclass(frozen=True)
class MeasuredGroups:
    """What was measured by group of people."""

    source: str
    model_version: str
    people: int
    groups: tuple[GroupFigures, ...]
    pairs: tuple[GroupPair, ...]


@dataclass(frozen=True)
class FieldReport:
    """The figures of one site in a span of time."""

    site: str
    start: datetime
    end: datetime
    made_at: datetime
    whole: FieldLine
    cameras: tuple[FieldLine, ...]
    hours: tuple[FieldLine, ...]
    lists: tuple[FieldLine, ...]
    agencies: tuple[FieldLine, ...]
    claims: Waits
    decisions: Waits
    escalated: int
    listed: int
    thresholds: tuple[ThresholdUse, ...]
    learned: tuple[LearnedFigures, ...]
    halvings: tuple[Halving, ...]
    groups: MeasuredGroups | None


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
        answer: pb.GetFieldReportResponse = self._call(lambda stub: stub.GetFieldReport, request)
        return FieldReport(
            site=safe_text(answer.site),
            start=answer.start_time.ToDatetime(UTC),
            end=answer.end_time.ToDatetime(UTC),
            made_at=answer.made_time.ToDatetime(UTC),
            whole=_line(answer.whole),
            cameras=_lines(answer.cameras),
            hours=_lines(answer.hours),
            lists=_lines(answer.lists),
            agencies=_lines(answer.agencies),
            claims=_waits(answer.claims),
            decisions=_waits(answer.decisions),
            escalated=answer.escalated,
            listed=answer.listed,
            thresholds=tuple(
                ThresholdUse(safe_text(one.model_version), one.lowest, one.highest, one.alerts)
                for one in answer.thresholds
            ),
            learned=tuple(map(_learned, answer.learned)),
            halvings=tuple(map(_halving, answer.halvings)),
            groups=_groups(answer.groups) if answer.HasField("groups") else None,
        )


def _lines(messages: Iterable[pb.FieldLine]) -> tuple[FieldLine, ...]:
    return tuple(map(_line, messages))


def _line(message: pb.FieldLine) -> FieldLine:
    return FieldLine(
        key=safe_text(message.key),
        kind=safe_text(message.kind),
        passages=message.passages,
        false_alerts=message.false_alerts,
        confirmed=message.confirmed,
        open=message.open,
        false_rate=_rate(message.false_rate) if message.HasField("false_rate") else None,
    )


def _rate(message: pb.FieldRate) -> FieldRate:
    return FieldRate(message.value, message.low, message.high)


def _groups(message: pb.MeasuredGroups) -> MeasuredGroups:
    return MeasuredGroups(
        source=safe_text(message.source),
        model_version=safe_text(message.model_version),
        people=message.people,
        groups=tuple(
            GroupFigures(
                safe_text(one.group),
                _rate(one.misses) if one.HasField("misses") else None,
                _rate(one.false_alerts) if one.HasField("false_alerts") else None,
            )
            for one in message.groups
        ),
        pairs=tuple(
            GroupPair(
                safe_text(one.traveller),
                safe_text(one.listed),
                _rate(one.mistaken) if one.HasField("mistaken") else None,
            )
            for one in message.pairs
        ),
    )


def _waits(message: pb.FieldWaits) -> Waits:
    return Waits(message.count, message.p50_s, message.p95_s)


def _learned(message: pb.LearnedFigures) -> LearnedFigures:
    interval = message.interval
    return LearnedFigures(
        model_version=safe_text(message.model_version),
        threshold=message.threshold,
        packs=message.packs,
        interval=(interval.low, interval.high) if message.HasField("interval") else None,
        passages=message.passages,
        counting=message.counting,
        left_out=tuple(map(safe_text, message.left_out)),
    )


def _halving(message: pb.Halving) -> Halving:
    return Halving(
        model_version=safe_text(message.model_version),
        threshold_before=message.threshold_before,
        threshold=message.threshold,
        false_alerts=message.false_alerts,
        false_alerts_left=message.false_alerts_left,
        confirmed=message.confirmed,
        confirmed_missed=message.confirmed_missed,
    )

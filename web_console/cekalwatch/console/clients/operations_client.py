"""The calls about the server: its status, threshold, gates and the report of the site. Errors stay grpc.RpcError."""

from __future__ import annotations

from datetime import datetime

from cekalwatch.contract.codec.gates import GATE_POLICY, GATES_OUTLOOK, REASONS
from cekalwatch.contract.codec.reports import FIELD_REPORT, PERIOD_LENGTHS
from cekalwatch.contract.codec.status import COUNTER, SERVER_STATUS, THRESHOLD_OUTLOOK
from cekalwatch.contract.values.gates import GatePolicy, GatePolicyReason, GatesOutlook
from cekalwatch.contract.values.reports import FieldReport, PeriodLength
from cekalwatch.contract.values.status import CounterStatus, ServerStatus
from cekalwatch.contract.values.thresholds import ThresholdOutlook
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1 import report_service_pb2 as report_pb
from cekalwatch.v1 import session_pb2
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.report_service_pb2_grpc import ReportServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import bearer

DEADLINE_S = 10.0


def ask_status(calls: Calls, token: str) -> ServerStatus:
    """Ask the server for its status, for the person of a token."""
    return SERVER_STATUS.read(
        calls.make(
            lambda channel, left_s: OperationsServiceStub(channel).GetStatus(
                GetStatusRequest(), timeout=left_s, metadata=bearer(token)
            ),
            DEADLINE_S,
        )
    )


class CounterClient(ServiceClient[OperationsServiceStub]):
    """A supervisor's calls about counters. Several threads may use it."""

    stub = OperationsServiceStub

    def all(self) -> tuple[CounterStatus, ...]:
        """Return the counters of the person's sites, by site and key."""
        return COUNTER.read_all(self._call(lambda stub: stub.ListCounters, pb.ListCountersRequest()).counters)


class ThresholdClient(ServiceClient[OperationsServiceStub]):
    """The calls of administrators. Several threads may use it."""

    stub = OperationsServiceStub

    def outlook(self) -> ThresholdOutlook:
        """Return the threshold with its evidence."""
        return THRESHOLD_OUTLOOK.read(self._call(lambda stub: stub.GetThreshold, pb.GetThresholdRequest()))

    @staticmethod
    def change(value: float | None) -> JointRequest:
        """Return what two people sign to set the threshold, or with None to reset it."""
        return ThresholdClient._change(pb.SetThresholdRequest(threshold=value))

    @staticmethod
    def acceptance(value: float) -> JointRequest:
        """Return what two people sign to accept the learned threshold that waits."""
        return ThresholdClient._change(pb.SetThresholdRequest(threshold=value, goes_on_learning=True))

    @staticmethod
    def _change(request: pb.SetThresholdRequest) -> JointRequest:
        return JointRequest(session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD, request)

    def set(self, change: JointRequest, word: str) -> None:
        """Change the threshold, with the word of a second person."""
        self._call(lambda stub: stub.SetThreshold, change.request, word)

    @staticmethod
    def oblivion(model: str) -> JointRequest:
        """Return the act that two people sign to forget the learned threshold of that model."""
        request = pb.ForgetLearnedThresholdRequest(model_version=model)
        return JointRequest(session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD, request)

    def forget(self, oblivion: JointRequest, word: str) -> None:
        """Forget the learned threshold, with the approval of a second person."""
        self._call(lambda stub: stub.ForgetLearnedThreshold, oblivion.request, word)


class GateClient(ServiceClient[OperationsServiceStub]):
    """A supervisor's calls about gates. Several threads may use it."""

    stub = OperationsServiceStub

    def outlook(self) -> GatesOutlook:
        """Return the gates of the person's sites, and the policy in force."""
        return GATES_OUTLOOK.read(self._call(lambda stub: stub.GetGates, pb.GetGatesRequest()))

    @staticmethod
    def change(policy: GatePolicy, reason: GatePolicyReason) -> JointRequest:
        """Return what two people sign to set the policy."""
        request = pb.SetGatePolicyRequest(policy=GATE_POLICY.write(policy), reason=REASONS.number(reason))
        return JointRequest(session_pb2.TWO_PERSON_ACTION_SET_GATES, request)

    def set(self, change: JointRequest, word: str) -> None:
        """Set the policy, with the approval of a second person."""
        self._call(lambda stub: stub.SetGatePolicy, change.request, word)


class ReportClient(ServiceClient[ReportServiceStub]):
    """The calls of supervisors and auditors. Several threads may use it."""

    stub = ReportServiceStub
    deadline_s = 60.0
    """The first request for a year waits until the server has counted its days."""

    def report(
        self, start: datetime, end: datetime, length: PeriodLength | None = None, *, taken: bool = False
    ) -> FieldReport:
        """Return the figures of the console's site, of a `length` also those of each whole day or week; `taken` means
        that they leave it as a file, which the audit trail records."""
        request = report_pb.GetFieldReportRequest(taken=taken)
        if length:
            request.periods = PERIOD_LENGTHS.number(length)
        request.start_time.FromDatetime(start)
        request.end_time.FromDatetime(end)
        return FIELD_REPORT.read(self._call(lambda stub: stub.GetFieldReport, request))

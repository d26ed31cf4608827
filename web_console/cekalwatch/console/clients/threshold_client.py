"""The calls about the decision threshold, as values. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.thresholds import THRESHOLD_OUTLOOK
from cekalwatch.contract.values.thresholds import ThresholdOutlook
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1 import session_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub


class ThresholdClient(ServiceClient[OperationsServiceStub]):
    """The calls of who keeps the system. It may be used from several threads."""

    stub = OperationsServiceStub

    def outlook(self) -> ThresholdOutlook:
        """Return the threshold with its evidence."""
        return THRESHOLD_OUTLOOK.read(self._call(lambda stub: stub.GetThreshold, pb.GetThresholdRequest()))

    @staticmethod
    def change(value: float | None) -> JointRequest:
        """Return what two people sign for who set the threshold, or with None give it back."""
        request = pb.SetThresholdRequest(threshold=value)
        return JointRequest(session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD, request)

    def set(self, change: JointRequest, word: str) -> None:
        """Change the threshold, with the word of a second person."""
        self._call(lambda stub: stub.SetThreshold, change.request, word)

    @staticmethod
    def oblivion(model: str) -> JointRequest:
        """Return what two people sign for who forget what was learned with that model."""
        request = pb.ForgetLearnedThresholdRequest(model_version=model)
        return JointRequest(session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD, request)

    def forget(self, oblivion: JointRequest, word: str) -> None:
        """Forget what was learned, with the word of a second person."""
        self._call(lambda stub: stub.ForgetLearnedThreshold, oblivion.request, word)

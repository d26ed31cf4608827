"""OperationsService: status and settings for operators."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from cekalwatch.contract.codec.gates import GATE_POLICY, GATES_OUTLOOK, REASONS
from cekalwatch.contract.codec.status import COUNTER, SERVER_STATUS, THRESHOLD_OUTLOOK
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.thresholds import ThresholdOutlook, ThresholdSource
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.gallery.threshold_outlook import ThresholdOutlooks
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.health.state.counters import CounterBoard
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.notices.gate_board import GateBoard
from cekalwatch.server.storage.audit.signers import JointEntry
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1 import operations_service_pb2_grpc


class OperationsServicer(operations_service_pb2_grpc.OperationsServiceServicer):
    """Serves operators."""

    def __init__(
        self,
        status: StatusService,
        counters: CounterBoard,
        threshold: ThresholdSetting,
        outlooks: ThresholdOutlooks,
        signers: Callable[[str], JointEntry | None],
        today: Callable[[], str],
        gates: GateBoard,
    ) -> None:
        """`signers` returns who set the threshold of a model version last; it blocks. `today` is ISO 8601."""
        self._today = today
        self._gates = gates
        self._status = status
        self._counters = counters
        self._threshold = threshold
        self._outlooks = outlooks
        self._signers = signers

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.GetStatusResponse:
        """Return the server's status."""
        return SERVER_STATUS.write(await self._status.status())

    async def ListCounters(self, request: pb.ListCountersRequest, context: Context) -> pb.ListCountersResponse:
        """Return the counters of the caller's sites."""
        found = await asyncio.to_thread(self._counters.counters, current_caller().sees)
        return pb.ListCountersResponse(counters=map(COUNTER.write, found))

    async def GetThreshold(self, request: pb.GetThresholdRequest, context: Context) -> pb.GetThresholdResponse:
        """Return the threshold, why it is so, and what to expect at other values."""

        def look() -> ThresholdOutlook:
            outlook = self._outlooks.look()
            by_people = outlook.decision.source is ThresholdSource.PEOPLE
            signers = self._signers(outlook.model_version) if by_people else None
            return replace(outlook, set_at=signers.at, set_by=signers.names) if signers else outlook

        return THRESHOLD_OUTLOOK.write(await asyncio.to_thread(look))

    async def SetThreshold(self, request: pb.SetThresholdRequest, context: Context) -> pb.SetThresholdResponse:
        """Set the decision threshold, or give it back to settings and model pack."""
        who = current_caller()
        value = request.threshold if request.HasField("threshold") else None
        people = who.two_people()
        if request.goes_on_learning:
            await asyncio.to_thread(self._threshold.accept_learned, request.threshold, people, who.actor)
        else:
            await asyncio.to_thread(self._threshold.set, value, people, who.actor)
        return pb.SetThresholdResponse()

    async def ForgetLearnedThreshold(
        self, request: pb.ForgetLearnedThresholdRequest, context: Context
    ) -> pb.ForgetLearnedThresholdResponse:
        """Forget the threshold learned from passages until today."""
        who = current_caller()
        people = who.two_people()
        await asyncio.to_thread(self._threshold.forget_learned, request.model_version, self._today(), people, who.actor)
        return pb.ForgetLearnedThresholdResponse()

    async def GetGates(self, request: pb.GetGatesRequest, context: Context) -> pb.GetGatesResponse:
        """Return the gates of the caller's sites, and the policy in force."""
        return GATES_OUTLOOK.write(await asyncio.to_thread(self._gates.look, current_caller().sees))

    async def SetGatePolicy(self, request: pb.SetGatePolicyRequest, context: Context) -> pb.SetGatePolicyResponse:
        """Set which alerts ask the gate of their counter to hold."""
        who, reason = current_caller(), REASONS.member(request.reason)
        people = who.two_people()
        if reason is None:
            raise Refused("reason")
        try:
            policy = GATE_POLICY.read(request.policy, Reading.STRICT)
        except ValueError:
            raise Refused("policy") from None
        await asyncio.to_thread(self._gates.set, policy, reason, people, who.actor)
        return pb.SetGatePolicyResponse()

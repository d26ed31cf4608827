"""Status and settings for operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cekalwatch.contract.calls import operations as calls
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.contract.values.status import ServerStatus
from cekalwatch.contract.values.thresholds import ThresholdOutlook, ThresholdSource
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.gallery.threshold_outlook import ThresholdOutlooks
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.health.state.counters import CounterBoard
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.storage.audit.signers import JointEntry
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.v1 import operations_service_pb2 as pb


@dataclass(frozen=True)
class OperationsCalls:
    """Serves operators. The calls about gates are those of an extension."""

    status: StatusService
    counters: CounterBoard
    threshold: ThresholdSetting
    outlooks: ThresholdOutlooks
    signers: Callable[[str], JointEntry | None]
    """Returns who set the threshold of a model version last; it blocks."""
    today: Callable[[], str]
    """ISO 8601."""
    foresight: ListForesight

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.GET_STATUS, self._status),
            serve(calls.LIST_COUNTERS, lambda _: tuple(self.counters.counters(current_caller().sees))),
            serve(calls.GET_THRESHOLD, self._outlook),
            serve(calls.SET_THRESHOLD, self._set_threshold, silences=self._setting_silences),
            serve(calls.FORGET_LEARNED_THRESHOLD, self._forget_learned, silences=self._forgetting_silences),
        )

    async def _status(self, _: pb.GetStatusRequest) -> ServerStatus:
        return await self.status.status()

    def _outlook(self, _: pb.GetThresholdRequest) -> ThresholdOutlook:
        outlook = self.outlooks.look()
        by_people = outlook.decision.source is ThresholdSource.PEOPLE
        signers = self.signers(outlook.model_version) if by_people else None
        return replace(outlook, set_at=signers.at, set_by=signers.names) if signers else outlook

    def _setting_silences(self, request: pb.SetThresholdRequest) -> Silencing:
        """Return all orders where the threshold becomes higher: whoever resembles their photograph less passes."""
        outlook = self.outlooks.look()
        wanted = request.threshold if request.HasField("threshold") else outlook.without_people.value
        higher = wanted > outlook.decision.value
        return self.foresight.without(f"threshold {wanted:.4f}") if higher else NOTHING_SILENCED

    def _forgetting_silences(self, _: pb.ForgetLearnedThresholdRequest) -> Silencing:
        """Return all orders where the learned threshold is below that of the pack, also while another applies."""
        lower = self.outlooks.look().learned_offset < 0
        return self.foresight.without("threshold of the pack") if lower else NOTHING_SILENCED

    def _set_threshold(self, request: pb.SetThresholdRequest) -> None:
        """Set the decision threshold, or give it back to settings and model pack."""
        people, actor = current_caller().two_people(), current_caller().actor
        if request.goes_on_learning:
            self.threshold.accept_learned(request.threshold, people, actor)
        else:
            self.threshold.set(request.threshold if request.HasField("threshold") else None, people, actor)

    def _forget_learned(self, request: pb.ForgetLearnedThresholdRequest) -> None:
        """Forget the threshold learned from passages until today."""
        people, actor = current_caller().two_people(), current_caller().actor
        self.threshold.forget_learned(request.model_version, self.today(), people, actor)

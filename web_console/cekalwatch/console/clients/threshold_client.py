"""The calls about the decision threshold, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import operations_pb2, session_pb2
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub

SOURCES = ("PACK", "LEARNED", "SETTINGS", "PEOPLE")
"""Where a threshold can come from."""


@dataclass(frozen=True)
class ThresholdState:
    """A threshold with what it means. Scores are comparison scores, shares 0 to 1."""

    value: float
    source: str
    """One of SOURCES, or UNKNOWN."""
    fpir: float
    extrapolated: bool


@dataclass(frozen=True)
class ThresholdPoint:
    """What to expect at a threshold."""

    threshold: float
    fpir: float
    fpir_low: float
    fpir_high: float
    extrapolated: bool
    fnir: float | None
    """None: nobody can tell."""


@dataclass(frozen=True)
class Outlook:
    """The threshold in force with its evidence."""

    model: str
    templates: int
    wanted_fpir: float
    now: ThresholdState
    without_people: ThresholdState
    measured_on: str
    """On whom the model pack was measured; empty: the promise is the site's own."""
    passages: int
    counted: int
    needed: int
    low: float
    """Of the interval of the threshold for the wanted FPIR; 0 with `high` while the promise is the pack's."""
    high: float
    lowest: float
    highest: float
    set_at: datetime | None
    set_by: tuple[str, ...]
    learned_offset: float
    """How far what was learned here moves the model pack's threshold."""
    photographs: int
    curve: tuple[ThresholdPoint, ...]


class ThresholdClient(ServiceClient[OperationsServiceStub]):
    """The calls of who keeps the system. It may be used from several threads."""

    stub = OperationsServiceStub

    def outlook(self) -> Outlook:
        """Return the threshold with its evidence."""
        answer: pb.GetThresholdResponse = self._call(lambda stub: stub.GetThreshold, pb.GetThresholdRequest())
        promise = answer.promise
        return Outlook(
            model=safe_text(answer.model_version),
            templates=answer.templates,
            wanted_fpir=answer.wanted_fpir,
            now=_state(answer.threshold),
            without_people=_state(answer.without_people),
            measured_on=safe_text(promise.measured_on),
            passages=promise.passages,
            counted=promise.counted,
            needed=promise.needed,
            low=promise.low,
            high=promise.high,
            lowest=answer.min_threshold,
            highest=answer.max_threshold,
            set_at=answer.set_time.ToDatetime(UTC) if answer.HasField("set_time") else None,
            set_by=tuple(map(safe_text, answer.set_by)),
            learned_offset=answer.learned_offset,
            photographs=answer.compared_photographs,
            curve=tuple(map(_point, answer.curve)),
        )

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


def _state(one: operations_pb2.ThresholdState) -> ThresholdState:
    names = operations_pb2.ThresholdSource
    known = names.Name(one.source) if one.source in names.values() else ""
    source = known.removeprefix("THRESHOLD_SOURCE_")
    return ThresholdState(one.value, source if source in SOURCES else "UNKNOWN", one.expected_fpir, one.extrapolated)


def _point(one: operations_pb2.ThresholdPoint) -> ThresholdPoint:
    fnir = one.fnir if one.HasField("fnir") else None
    return ThresholdPoint(one.threshold, one.fpir, one.fpir_low, one.fpir_high, one.extrapolated, fnir)

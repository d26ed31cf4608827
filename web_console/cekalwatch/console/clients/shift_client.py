"""The calls about hand-overs at the end of a shift, and about when exercises come. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.contract.codec.shifts import EXERCISE_HOURS, EXERCISE_PLAN, HAND_OVER
from cekalwatch.contract.values.exercises import ExerciseHours, ExercisePlan
from cekalwatch.contract.values.hand_overs import HandOver
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.v1 import shift_service_pb2 as pb
from cekalwatch.v1.shift_service_pb2_grpc import ShiftServiceStub


class ShiftClient(ServiceClient[ShiftServiceStub]):
    """The calls of officers and supervisors at the console's site. It may be used from several threads."""

    stub = ShiftServiceStub

    def leave(self, notes: str) -> HandOver:
        return HAND_OVER.read(self._call(lambda stub: stub.LeaveShift, pb.LeaveShiftRequest(notes=notes)).hand_over)

    def hand_overs(self) -> tuple[HandOver, ...]:
        """Return the newest hand-overs, newest first; the audit trail records that their notes were read."""
        return HAND_OVER.read_all(self._call(lambda stub: stub.ListHandOvers, pb.ListHandOversRequest()).hand_overs)

    def exercises(self) -> ExercisePlan:
        return EXERCISE_PLAN.read(self._call(lambda stub: stub.GetExerciseHours, pb.GetExerciseHoursRequest()))

    def set_exercises(self, hours: ExerciseHours) -> None:
        request = pb.SetExerciseHoursRequest(hours=EXERCISE_HOURS.write(hours))
        self._call(lambda stub: stub.SetExerciseHours, request)

    def take(self, hand_over_id: str) -> HandOver:
        """Take a shift over from somebody else."""
        request = pb.TakeShiftRequest(hand_over_id=hand_over_id)
        return HAND_OVER.read(self._call(lambda stub: stub.TakeShift, request).hand_over)
